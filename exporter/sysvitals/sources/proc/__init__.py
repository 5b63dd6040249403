"""Tables and files of /proc."""
