"""The figures, a module for each page."""
