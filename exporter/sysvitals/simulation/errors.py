"""What is wrong with what was asked of a simulation."""


class SimulationError(ValueError):
    """One line, for the one who asked."""
