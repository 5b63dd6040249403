"""Settings: declared once, with their YAML keys, flags, defaults, checks and help."""
