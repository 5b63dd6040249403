"""Links that lose packets, flap, or are down, slow or weak."""
