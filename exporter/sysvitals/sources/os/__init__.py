"""The operating system: its files, system calls and records."""
