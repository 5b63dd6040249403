"""Unforeseen bytes for everything that reads bytes from outside.

`test_fuzz.py` gives each kind its saved cases (`corpus/KIND/`) and a fixed number of mutations of them; `python -m
tests.fuzz KIND --cases 1000000 --seed 7` goes on by hand, and saves what broke a promise as a new case.
"""
