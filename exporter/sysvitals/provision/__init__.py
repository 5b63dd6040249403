"""Writes the configuration that sysvitals ships into folders of the user's, and clobbers nothing there."""
