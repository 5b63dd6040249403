"""One module, one subsystem: what it reports, declared, and how it is read. Collectors know nothing of each other."""
