"""How long tests wait."""

PATIENCE = 120.0
"""Seconds for what must come, however slow and busy the machine is: only what hangs takes so long.

No test asserts how long something took: `benchmarks/promises.py` measures that.
"""
