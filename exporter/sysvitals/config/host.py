"""The host that the settings point at."""

from sysvitals.config.settings import Settings
from sysvitals.host.host import Host


def build_host(settings: Settings) -> Host:
    """The host whose files are where the settings say."""
    paths = settings.path
    return Host(
        procfs=paths.procfs,
        sysfs=paths.sysfs,
        rootfs=paths.rootfs,
        devfs=paths.devfs,
        storage=settings.storage.path,
    )
