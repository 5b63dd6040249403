"""Disks at their limit, and storage that wears out."""
