"""More work than the processor can do."""
