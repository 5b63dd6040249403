"""Readers of kernel files and devices, below an injected host root: text and bytes in, plain dataclasses out."""
