"""The page at `/`: what is known of the host as data, and templates that draw it. Imported with the first page."""
