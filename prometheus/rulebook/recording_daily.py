"""What happened within a day: long looks back, which are taken less often."""

from sysvitals.judgement.rule import Record, Subject, still_firing

EVERY_MINUTES = 2
"""So old may they be; below the five minutes after which Prometheus forgets a sample."""

SUBJECT = Subject(
    name="recording-daily",
    help="What happened within a day: long looks back, which are taken less often.",
    interval=f"{EVERY_MINUTES}m",
    rules=(
        Record(
            "cause:system_throttle_events:increase1d",
            "increase(system_throttle_events_total[1d])",
            "How often each cause began within a day.",
        ),
        Record(
            "cause:system_throttle_seconds:increase1d",
            "increase(system_throttle_seconds_total[1d])",
            "How long each cause lasted within a day.",
        ),
        Record(
            "instance:undervoltage_alerts:max1d",
            f"max without (alertname, alertstate, severity, subject, cause) (\n"
            f"  max_over_time({still_firing('Undervoltage', 'critical')}[1d])\n)",
            "1 for each host whose Undervoltage was sent within a day.",
        ),
        Record(
            "instance:system_unclean_shutdowns:increase1d",
            "increase(system_unclean_shutdowns_total[1d])",
            "Boots within a day that ended without a shutdown.",
        ),
        Record(
            "instance:system_unclean_shutdowns:delta1h",
            "last_over_time(system_unclean_shutdowns_total[1h])\n"
            "- last_over_time(system_unclean_shutdowns_total[1d] offset 1h)",
            "Unclean shutdowns that became known within the last hour, against what was last heard before, however "
            "long the host was off.",
        ),
        Record(
            "instance:system_boots:changes1d",
            "resets(system_uptime_seconds[1d])",
            "How often the host started again within a day.",
        ),
        Record(
            "instance:up:max1d",
            'max_over_time(up{job=~"sysvitals.*"}[1d])',
            "1 for each host that answered within a day, whether it is still among the targets or not.",
        ),
        Record(
            "instance:node_exporter_alone:max1d",
            "max_over_time(instance:node_exporter_alone:group[1d])",
            "The same of hosts with node_exporter alone.",
        ),
    ),
)
