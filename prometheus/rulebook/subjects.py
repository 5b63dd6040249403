"""All subjects, in the order of their files."""

from prometheus.rulebook import (
    clock,
    cpu,
    disk,
    exporter,
    filesystem,
    heat,
    host,
    memory,
    network,
    node_exporter,
    power,
    recording,
    recording_daily,
)

SUBJECTS = (
    recording.SUBJECT,
    recording_daily.SUBJECT,
    power.SUBJECT,
    heat.SUBJECT,
    host.SUBJECT,
    exporter.SUBJECT,
    clock.SUBJECT,
    filesystem.SUBJECT,
    memory.SUBJECT,
    cpu.SUBJECT,
    disk.SUBJECT,
    network.SUBJECT,
    node_exporter.SUBJECT,
)
