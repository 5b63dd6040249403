"""Half a day of many hosts: which alerts each of them fires, and how many messages people get of it."""
