"""Undervoltage, throttling, the supply, and what a bad supply ends in."""
