"""What the project is made with, and is no part of the package."""
