"""What the history was like by the minute and by the hour: small files that are read fast."""
