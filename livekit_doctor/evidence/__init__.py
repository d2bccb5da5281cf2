"""What was observed, and what could not be: the types, and one module a source."""
