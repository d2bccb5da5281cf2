"""The lab's Postgres, for what the recipes say of databases."""

from tests.lab.conftest import database, lab_folder, names, postgres

__all__ = ["database", "lab_folder", "names", "postgres"]
