"""A simulated board: a host tree, kept alive, that the exporter reads as if it were that board."""
