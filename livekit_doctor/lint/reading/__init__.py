"""Files into trees: one module a language."""
