"""Whether the clock can be trusted."""
