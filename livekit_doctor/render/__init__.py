"""One module a format. They know the results, and nothing of how these came about."""
