"""The commands that run the exporter itself. Each module has `add_arguments` and `run`, as in other rooms."""
