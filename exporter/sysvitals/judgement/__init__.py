"""What is good and what is not: thresholds with their reasons, and the verdict on the host."""
