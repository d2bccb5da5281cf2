"""A database of its own for each test, on the lab's Postgres."""

from tests.lab.conftest import database, lab_folder, names, postgres

__all__ = ["database", "lab_folder", "names", "postgres"]
