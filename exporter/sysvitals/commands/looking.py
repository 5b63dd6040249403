"""One round of readings, for the commands that show it and end."""

import logging

from sysvitals.config.settings import Settings
from sysvitals.exporter import Exporter, build_exporter

ROUND_SECONDS = 10.0


def look_once(settings: Settings) -> Exporter:
    """An exporter that has read everything once, and does nothing else whatever the settings say."""
    logging.disable(logging.WARNING)  # what fails is shown in the answer itself
    quiet = settings._replace(
        history=settings.history._replace(enabled=False),
        console=settings.console._replace(enabled=False),
    )
    exporter = build_exporter(quiet)
    exporter.refresh(ROUND_SECONDS, slow=True)
    return exporter
