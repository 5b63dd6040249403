"""What the stack says to whoever started it."""

from collections.abc import Mapping
from urllib.parse import quote

from sysvitals.client.pages import ALERTS, GRAPH, find_page
from sysvitals.simulation.boards import find_board
from sysvitals.simulation.scenario import load_scenario
from sysvitals.stack.addresses import Address
from sysvitals.stack.asking import answers, ask
from sysvitals.stack.layout import Layout
from sysvitals.stack.programs import PROGRAMS, Program
from sysvitals.stack.wishes import Simulated, Wishes

_WIDTH = 14
_FLAGS = {"exporter": "web"}
_HOST_DASHBOARD = "sysvitals-host"
_EVENTS = "sum by (instance, cause) (system_throttle_events_total)"


def describe_missing(program: Program, reason: str) -> str:
    """A server that is wanted and not there, and how to get it."""
    return f"without {program.name}: {reason} (--no-{program.name} says that none is wanted)\n{program.remedy}"


def describe_taken(name: str, address: Address, reason: str, free: Address | None) -> str:
    """An address where this part cannot listen."""
    lines = [f"{name} cannot listen on {address.bind}: {reason}"]
    service = PROGRAMS[name].service if name in PROGRAMS else "sysvitals"
    if reason.startswith("taken"):
        lines.append(f"  If it is the system's own service: sudo systemctl disable --now {service}")
        if free is not None:
            lines.append(f"  Or choose another port: --{_FLAGS.get(name, name)}.listen-address={free.bind}")
    return "\n".join(lines)


def dashboard_url(grafana: Address, instance: str) -> str:
    """This host's dashboard."""
    return f"{grafana.url}d/{_HOST_DASHBOARD}?var-instance={quote(instance)}"


def describe_stack(wishes: Wishes, servers: Mapping[str, Address], layout: Layout) -> str:
    """What runs now, where to look, where things are kept."""
    prometheus = servers["prometheus"]
    lines = [
        "",
        "all answer:",
        _row("exporter", wishes.exporter.url),
        _row("prometheus", _find_page(prometheus, ALERTS, "api/v1/alerts")),
    ]
    if "alertmanager" in servers:
        lines.append(_row("alertmanager", _describe_alertmanager(servers["alertmanager"])))
    if "grafana" in servers:
        words = f"user admin, password in {layout.admin_password}"
        lines.append(_row("grafana", f"{servers['grafana'].url}  ({words})"))
    lines.append("")
    if wishes.simulated is not None:
        lines += _describe_demonstration(wishes.simulated, prometheus)
    else:
        lines.append(f"to check the chain: sysvitals doctor --prometheus={prometheus.url}")
    edited = "prometheus/ (targets), alertmanager/ (receivers)" if "alertmanager" in servers else "prometheus/"
    lines.append(f"to edit, in {layout.folder}: {edited}")
    lines.append(f"{'kept' if layout.kept == layout.folder else 'until the end'}, in {layout.kept}: data/, logs/")
    if wishes.webhooks:
        lines.append(f"alerts are shown here as they fire, and sent to {', '.join(wishes.webhooks)}")
    elif "alertmanager" in servers:
        lines.append("alerts are shown here as they fire; to be sent them, too: --webhook URL, or a receiver in")
        lines.append(f"  {layout.config('alertmanager') / 'alertmanager.yml'}")
    return "\n".join(lines)


def _row(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{text}"


def _describe_alertmanager(address: Address) -> str:
    if b"does not include a web" in (ask(address, "/") or b""):
        return f"amtool alert --alertmanager.url={address.url}  (Debian's has no page)"
    return f"{address.url}#/alerts"


def _find_page(prometheus: Address, paths: tuple[str, ...], otherwise: str = "") -> str:
    """The address of the first of these pages that this build of Prometheus has, else of another path, if any."""
    found = find_page(paths, lambda path: answers(prometheus, path)) or otherwise
    return f"{prometheus.url}{found.removeprefix('/')}" if found else ""


def _describe_demonstration(simulated: Simulated, prometheus: Address) -> list[str]:
    chart = _find_page(prometheus, GRAPH)
    lines = [
        f"{find_board(simulated.board).summary}; simulated.",
        f"It plays {simulated.scenario}: {load_scenario(simulated.scenario).summary}",
        "Below is what happens to the board, and which alerts that fires; each edge is counted.",
    ]
    if chart:
        lines.append(f"  {chart}?g0.expr={quote(_EVENTS)}&g0.tab=0&g0.range_input=15m")
    return [*lines, ""]
