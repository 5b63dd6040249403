"""The seam to the world: a host's files, devices and system calls, below roots that may lie anywhere."""
