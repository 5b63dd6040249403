"""The way from a rule to a message: Prometheus and Alertmanager as they see themselves.

The rules know the servers by their metrics, under any job. They need Prometheus to scrape itself and each Alertmanager,
as prometheus.yml does.
"""

from sysvitals.judgement.rule import Alert, Subject

_FAILED = "sum without (reason) (increase(alertmanager_notifications_failed_total[{}]{}))"
"""Notifications given up within a window. Alertmanager 0.27 and later give the reason as a label."""

_DELIVERED = "alertmanager_notifications_total{0} - sum without (reason) (alertmanager_notifications_failed_total{0})"
"""Notifications delivered since Alertmanager started, and those that are being tried."""

NOTIFICATIONS = Alert(
    name="NotificationsFailing",
    severity="critical",
    value=_FAILED.format("20m", ""),
    compares=">",
    threshold=0,
    condition=f"""and (
  (
    {_FAILED.format("5m", "")} > 0
    and {_FAILED.format("5m", " offset 5m")} > 0
    and {_FAILED.format("5m", " offset 10m")} > 0
  )
  or
  (
    {_FAILED.format("20m", " offset 25m")} > 0
    and
    {_DELIVERED.format("")}
    <=
    {_DELIVERED.format(" offset 20m")}
  )
)""",
    lasts="5m",
    keeps="5m",
    summary="{{ $labels.instance }}: notifications by {{ $labels.integration }} fail",
    description=(
        "Alertmanager has failed to deliver notifications by {{ $labels.integration }} for more than 10 minutes: "
        "alerts do not reach you that way. The token or password may be revoked, or the service not reachable. Its log "
        "names the error: `journalctl -u prometheus-alertmanager -g notify`."
    ),
    why=(
        "A notification counts as failed when its group's interval is over: the first after a minute (critical), a "
        "quarter of an hour (warning), a day (info). Failures each minute must be in each of three windows, so that an "
        "outage that is over, such as a router's restart, is not reported; it is if they last for more than 10 "
        "minutes. Of rarer ones, two must be more than 10 minutes apart, with nothing delivered by the same service in "
        "the last 20."
    ),
)

ALERTMANAGER_DOWN = Alert(
    name="AlertmanagerDown",
    severity="critical",
    value="increase(prometheus_notifications_errors_total[5m])",
    compares=">",
    threshold=0,
    lasts="10m",
    keeps="5m",
    summary="{{ $labels.instance }}: cannot send alerts to Alertmanager",
    description=(
        "Prometheus has failed to send alerts to {{ $labels.alertmanager }} for more than 10 minutes. If it is the "
        "only Alertmanager, no alert is delivered, this one neither. Does it run: `systemctl status "
        "prometheus-alertmanager`? Does Prometheus's host reach that address?"
    ),
    why=(
        "Prometheus sends at least once a minute, because the watchdog always fires. Each failure is seen for five "
        "minutes, so ten mean that sending has failed for more than five: a restart is shorter."
    ),
)

ALERTMANAGER_MISSING = Alert(
    name="AlertmanagerMissing",
    severity="warning",
    value="prometheus_notifications_alertmanagers_discovered",
    threshold=0,
    lasts="10m",
    summary="{{ $labels.instance }}: no Alertmanager configured",
    description=(
        "This Prometheus evaluates rules and knows no Alertmanager: no alert is delivered, this one neither. Name one "
        "in targets/alertmanager, or under `alerting` in prometheus.yml."
    ),
    why="Ten minutes: a Prometheus that starts has to read its target files first.",
)

PROMETHEUS_RELOAD = Alert(
    name="PrometheusReloadFailed",
    severity="warning",
    value="prometheus_config_last_reload_successful",
    threshold=0,
    lasts="5m",
    summary="{{ $labels.instance }}: Prometheus refused its new configuration",
    description=(
        "The configuration or a file of rules was changed and is not valid. The old one stays in force until "
        "Prometheus restarts; then it does not start. `promtool check config /etc/prometheus/prometheus.yml` names the "
        "error. Then reload: `systemctl reload prometheus`."
    ),
    why="Five minutes, for the second try of a person who is editing it.",
)

ALERTMANAGER_RELOAD = Alert(
    name="AlertmanagerReloadFailed",
    severity="warning",
    value="alertmanager_config_last_reload_successful",
    threshold=0,
    lasts="5m",
    summary="{{ $labels.instance }}: Alertmanager refused its new configuration",
    description=(
        "The configuration was changed and is not valid. The old one stays in force until Alertmanager restarts; then "
        "it does not start, and no alert is delivered. `amtool check-config /etc/prometheus/alertmanager.yml` names "
        "the error. Then reload: `systemctl reload prometheus-alertmanager`."
    ),
    why="Five minutes, for the second try of a person who is editing it.",
)

RULES_FAILING = Alert(
    name="RulesFailing",
    severity="warning",
    value="increase(prometheus_rule_evaluation_failures_total[5m])",
    compares=">",
    threshold=0,
    lasts="15m",
    keeps="5m",
    summary="{{ $labels.instance }}: rules cannot be evaluated",
    description=(
        "Rules of {{ $labels.rule_group }} have failed for more than 10 minutes: their alerts cannot fire. Mostly a "
        "series is there twice: two targets have one name, or the labels of one were changed lately, which ends by "
        "itself. `sysvitals doctor --prometheus URL` shows the rule and the error; so does Prometheus's log: "
        "`journalctl -u prometheus -g rule`."
    ),
    why=(
        "Each failure is seen for five minutes, so fifteen mean ten of failing: when a target gets other labels, old "
        "and new series may meet for five."
    ),
)

SUBJECT = Subject(
    name="chain",
    help="The way from a rule to a message: Prometheus and Alertmanager as they see themselves.",
    rules=(
        NOTIFICATIONS,
        ALERTMANAGER_DOWN,
        ALERTMANAGER_MISSING,
        PROMETHEUS_RELOAD,
        ALERTMANAGER_RELOAD,
        RULES_FAILING,
    ),
)
