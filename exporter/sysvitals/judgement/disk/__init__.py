"""Disks at their limit, slow disks, and storage that wears out."""
