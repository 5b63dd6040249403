"""The history on disk: how it is written, kept and read back."""
