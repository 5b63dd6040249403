"""What becomes of events: the exposition, the history on disk, console lines. None knows another."""
