"""Links that lose packets, flap or are weak."""
