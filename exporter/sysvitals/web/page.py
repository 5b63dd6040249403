"""The page at `/`: what this is, how the collectors fare, and where everything else is."""

from collections.abc import Mapping
from html import escape

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
"""


def render_page(host: str, version: str, collectors: Mapping[str, str]) -> str:
    """HTML. Every name from the host is escaped."""
    rows = "\n".join(f"<tr><td>{escape(name)}</td><td>{escape(words)}</td></tr>" for name, words in collectors.items())
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(host)} · sysvitals</title>
<style>{_STYLE}</style>
<h1>{escape(host)}</h1>
<p>sysvitals {escape(version)}: what this machine tells about itself.</p>
<ul>
<li><a href="metrics">metrics</a>, for Prometheus</li>
<li><a href="api/v1/state">state</a>, the latest event of each subject as JSON</li>
<li><a href="-/healthy">healthy</a> and <a href="-/ready">ready</a>, for whoever watches the watcher</li>
</ul>
<h2>Collectors</h2>
<table>
<tr><th>collector</th><th>its last run</th></tr>
{rows}
</table>
</html>
"""
