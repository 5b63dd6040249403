"""`sysvitals doctor`: the command, and the order in which the links of the chain are looked at."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

# what it needs is imported where it runs: other commands shall not pay for it


def add_doctor_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> "argparse.ArgumentParser":
    """The command's own arguments; what they give is for `run_doctor`, with the flags of all settings."""
    text = "prove the chain from the sensor to the phone, and say what to do where it breaks"
    parser = commands.add_parser(
        "doctor",
        help=text,
        usage=(
            "sysvitals doctor [--exporter URL] [--prometheus URL] [--alertmanager URL] [--send-test-alert] [--json]"
            " [FLAG ...]"
        ),
        description=(
            f"{text[0].upper()}{text[1:]}. Give it the settings that the exporter runs with. The exit status is 0 if"
            " nothing is broken, 1 if something is, 2 if it was asked wrongly."
        ),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--exporter",
        metavar="URL",
        help="This host's exporter, such as https://NAME:PASSWORD@localhost:9877. (default: what the settings say)",
    )
    parser.add_argument("--prometheus", metavar="URL", help="Prometheus, such as http://localhost:9090.")
    parser.add_argument(
        "--alertmanager",
        metavar="URL",
        help="Alertmanager, such as http://localhost:9093. (default: what Prometheus says)",
    )
    parser.add_argument(
        "--send-test-alert",
        action="store_true",
        help="Send one alert, marked as a test, down the real path, and follow it. Somebody's phone may ring.",
    )
    parser.add_argument("--json", action="store_true", help="Print one JSON object, for scripts.")
    parser.add_argument("--config.file", dest="file", metavar="FILE", help="YAML file with the exporter's settings.")
    return parser


def run_doctor(options: Mapping[str, Any]) -> int:
    """Look at everything. The exit status: 0 if nothing is broken, 1 if something is, 2 if it was asked wrongly."""
    from sysvitals.collectors import COLLECTORS  # noqa: PLC0415
    from sysvitals.config.load import ConfigError, load_settings  # noqa: PLC0415
    from sysvitals.doctor.address import parse_address  # noqa: PLC0415
    from sysvitals.doctor.examination import Question, examine  # noqa: PLC0415
    from sysvitals.doctor.report import build_report, is_well, say_error, write_json  # noqa: PLC0415

    flags = {name: value for name, value in options.items() if name.startswith("--")}
    addresses = {}
    try:
        settings = load_settings(COLLECTORS, file=options["file"], flags=flags)
        for name in ("exporter", "prometheus", "alertmanager"):
            addresses[name] = parse_address(options[name]) if options[name] is not None else None
    except ConfigError as error:
        for problem in error.problems:
            say_error(problem)
        return 2
    except ValueError as error:
        say_error(f"--{name}: what was given {error}")
        return 2
    exporter, prometheus, alertmanager = addresses.values()
    if options["send_test_alert"] and not (prometheus or alertmanager):
        say_error("--send-test-alert: to whom? give --prometheus URL, or --alertmanager URL, or both")
        return 2
    report = None if options["json"] else build_report(sys.stdout)
    question = Question(
        settings, exporter, prometheus, alertmanager, send=options["send_test_alert"], file=options["file"]
    )
    try:
        host, checks = examine(question, report)
    except KeyboardInterrupt:
        say_error("interrupted" + ("; a test alert that was sent ends by itself" if question.send else ""))
        return 1
    if report is None:
        write_json(sys.stdout, host, checks)
    else:
        report.end(checks)
    return 0 if is_well(checks) else 1
