"""The way from a rule to a message with VictoriaMetrics: vmalert's part of it in place of Prometheus's.

The alerts have the names that they have with Prometheus, and with them their sections of the runbook and their routes.
"""

from dataclasses import replace

from prometheus.rulebook import chain

ALERTMANAGER_DOWN = replace(
    chain.ALERTMANAGER_DOWN,
    value="increase(vmalert_alerts_send_errors_total[5m])",
    description=(
        "vmalert has failed to send alerts to {{ $labels.addr }} for more than 10 minutes. If it is the only "
        "Alertmanager, no alert is delivered, this one neither. Does it run: `systemctl status "
        "prometheus-alertmanager`? Does vmalert's host reach that address (-notifier.url)?"
    ),
    why=(
        "vmalert sends at each evaluation, because the watchdog always fires. Each failure is seen for five minutes, "
        "so ten mean that sending has failed for more than five: a restart is shorter."
    ),
)

RELOAD = replace(
    chain.PROMETHEUS_RELOAD,
    value='{__name__=~"(vmalert|vm_promscrape)_config_last_reload_successful"}',
    summary="{{ $labels.instance }}: VictoriaMetrics or vmalert refused its new configuration",
    description=(
        "scrape.yml or a file of rules was changed and is not valid. The old one stays in force until a restart; then "
        "the program does not start. `victoria-metrics -promscrape.config=FILE -dryRun` or `vmalert -rule=FILE "
        "-dryRun` names the error. Then reload it (SIGHUP)."
    ),
)

RULES_FAILING = replace(
    chain.RULES_FAILING,
    value=(
        "sum without (alertname, recording, file, id) (\n"
        '  increase({__name__=~"vmalert_(alerting|recording)_rules_errors_total"}[5m])\n'
        ")"
    ),
    description=(
        "Rules of {{ $labels.group }} have failed for more than 10 minutes: their alerts cannot fire. Mostly a series "
        "is there twice: two targets have one name, or the labels of one were changed lately, which ends by itself. "
        "`sysvitals doctor --prometheus URL` shows the rule and the error; so do vmalert's page Groups and its log."
    ),
)

SUBJECT = replace(
    chain.SUBJECT,
    help="The way from a rule to a message: VictoriaMetrics, vmalert and Alertmanager as they see themselves.",
    # and no AlertmanagerMissing: without one vmalert does not start
    rules=(chain.NOTIFICATIONS, ALERTMANAGER_DOWN, RELOAD, chain.ALERTMANAGER_RELOAD, RULES_FAILING),
)
