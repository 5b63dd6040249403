"""One round of readings, for the commands that show it and end."""

import logging

from sysvitals.config.settings import Settings, read_only
from sysvitals.exporter import Exporter, build_exporter

ROUND_SECONDS = 10.0


def look_once(settings: Settings) -> Exporter:
    """An exporter that has read everything once, and does nothing else whatever the settings say."""
    logging.disable(logging.WARNING)  # what fails is shown in the answer itself
    exporter = build_exporter(read_only(settings))
    exporter.refresh(ROUND_SECONDS, slow=True)
    return exporter
