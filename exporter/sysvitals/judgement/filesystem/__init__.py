"""Filesystems that are read-only, full, or soon will be."""
