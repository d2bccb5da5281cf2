"""The one reader of logs, whatever shape they have: `reader` reads records, `shapes` has a module for each shape."""
