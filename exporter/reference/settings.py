"""The reference page of all settings, read off their declarations."""

from collections.abc import Iterable

from sysvitals.config.settings import list_leaves
from sysvitals.model.collector import Collector


def render_settings(collectors: Iterable[Collector]) -> str:
    """Markdown: each section with its YAML keys, flags and defaults."""
    lines = [
        "# Settings",
        "",
        "Written by `make docs` from the declarations in the code; do not edit.",
        "",
        "`sysvitals serve --config.file=FILE` reads YAML with these keys; each is a flag too, and a flag outweighs the",
        "file. `sysvitals check-config FILE` names all that is wrong with a file. SIGHUP reads it again, and so does",
        "`POST /-/reload` where `web.enable_lifecycle` allows it; a setting marked * takes effect at the next start.",
        "",
        "```yaml",
        "web:",
        '  listen_address: ["127.0.0.1:9877"]',
        "history:",
        "  keep_age: 90d",
        "collector:",
        "  wifi: {enabled: false}",
        "  temperature: {interval: 2s}",
        "```",
        "",
        "A time has a unit: `500ms`, `5s`, `10m`, `1h`, `30d`, `2w`. Only 0 goes without.",
    ]
    section = ""
    for leaf in list_leaves(collectors):
        if ".".join(leaf.path[:-1]) != section:
            section = ".".join(leaf.path[:-1])
            lines += ["", f"## {section}", "", "| key | flag | default | what it is |", "|---|---|---|---|"]
        star = " *" if leaf.setting.restart else ""
        flag = f"`{leaf.flag}`" + (f", `{leaf.flag.replace('--', '--no-', 1)}`" if leaf.is_bool else "")
        default = f"`{leaf.shown_default}`".replace("|", "\\|") if leaf.shown_default else ""
        lines.append(f"| `{leaf.path[-1]}`{star} | {flag} | {default} | {leaf.setting.help} |")
    return "\n".join(lines) + "\n"
