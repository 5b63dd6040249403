"""When and how collectors run, and how what they read becomes events. Knows no collector and no output by name."""
