"""Whether the exporter itself can be trusted."""
