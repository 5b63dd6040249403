"""Attributes of /sys and the device tree."""
