"""sysvitals: what a Linux host, and above all a small board, can tell about itself."""

__version__ = "0.1.0"
