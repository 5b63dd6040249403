"""Writes the reference pages and the event schema from the declarations. Used by `make docs` and the tests alone."""
