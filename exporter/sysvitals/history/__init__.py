"""The history read back."""
