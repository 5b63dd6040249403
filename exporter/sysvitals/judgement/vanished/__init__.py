"""Disks, mounts and sensors that were there for a day and are gone."""
