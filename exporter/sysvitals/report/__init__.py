"""What the history holds, as people ask for it in a terminal: events, and a report of a time."""
