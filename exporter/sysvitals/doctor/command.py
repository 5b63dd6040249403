"""`sysvitals doctor`: the command, and the order in which the links of the chain are looked at."""

import argparse
from collections.abc import Mapping
from typing import Any

from sysvitals.client.access import FLAG, HELP, NO_ACCESS, advise, load_access
from sysvitals.client.address import parse_address
from sysvitals.collectors import COLLECTORS
from sysvitals.config.flags import add_flags, settings_from
from sysvitals.doctor.examination import Question, examine
from sysvitals.doctor.report import build_report, is_well, write_json
from sysvitals.outputs.terminal import complain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments, and the flags of all settings; what they give is for `run`."""
    parser.usage = (
        "sysvitals doctor [--exporter URL] [--prometheus URL] [--alertmanager URL] [--http.config.file FILE]"
        " [--send-test-alert] [--json] [FLAG ...]"
    )
    parser.description = (
        f"{parser.description} Give it the settings that the exporter runs with. The exit status is 0 if nothing is"
        " broken, 1 if something is, 2 if it was asked wrongly."
    )
    parser.add_argument(
        "--exporter",
        metavar="URL",
        help="This host's exporter, such as https://localhost:9877. (default: what the settings say)",
    )
    parser.add_argument(
        "--prometheus", metavar="URL", help="Prometheus, such as http://localhost:9090; or VictoriaMetrics, or vmalert."
    )
    parser.add_argument(
        "--alertmanager",
        metavar="URL",
        help="Alertmanager, such as http://localhost:9093. (default: what Prometheus says)",
    )
    parser.add_argument(FLAG, dest="http_config", metavar="FILE", help=HELP)
    parser.add_argument(
        "--send-test-alert",
        action="store_true",
        help="Send one alert, marked as a test, down the real path, and follow it. Somebody's phone may ring.",
    )
    parser.add_argument("--json", action="store_true", help="Print one JSON object, for scripts.")
    add_flags(parser, COLLECTORS)


def run(options: Mapping[str, Any]) -> int:
    """Look at everything. The exit status: 0 if nothing is broken, 1 if something is, 2 if it was asked wrongly."""
    settings = settings_from(options, COLLECTORS)
    access = load_access(options["http_config"]) if options["http_config"] is not None else NO_ACCESS
    addresses = {}
    try:
        for name in ("exporter", "prometheus", "alertmanager"):
            addresses[name] = parse_address(options[name]) if options[name] is not None else None
    except ValueError as error:
        complain(f"--{name}: {error}")
        return 2
    for advice in advise([address for address in addresses.values() if address], access):
        complain(advice)
    exporter, prometheus, alertmanager = addresses.values()
    if options["send_test_alert"] and not (prometheus or alertmanager):
        complain("--send-test-alert: to whom? give --prometheus URL, or --alertmanager URL, or both")
        return 2
    report = None if options["json"] else build_report()
    question = Question(
        settings, exporter, prometheus, alertmanager, access, send=options["send_test_alert"], file=options["file"]
    )
    try:
        host, checks = examine(question, report)
    except KeyboardInterrupt:
        complain("interrupted" + ("; a test alert that was sent ends by itself" if question.send else ""))
        return 1
    if report is None:
        write_json(host, checks)
    else:
        report.end(checks)
    return 0 if is_well(checks) else 1
