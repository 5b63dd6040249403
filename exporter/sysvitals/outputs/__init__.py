"""What becomes of events: the exposition, console lines, viewers. None knows another."""
