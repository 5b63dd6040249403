"""Colours by name: a host has one colour in every chart, whichever others are drawn there.

Grafana gives colours by place, so that a host changes its own from panel to panel, or by a name's hash among all
colours, with red, orange and green. Here the last character of a name decides, since names of one fleet differ there,
and a host's second one between solid and dashed. Two may still look the same: legend and tooltip tell them apart.
"""

from collections.abc import Iterator, Sequence

from grafana.builder.colours import NAMED
from grafana.builder.judging import Json
from grafana.builder.panels import override, painted

_LETTERS = "entsrdyolawubfgphmkcixqvjz"
"""By how often names end with them: neighbours get different colours."""

_NAME = r"(?:(?:\d+\.){3}\d*|(?!\d+\.\d)[^ .:]*)"
"""A name without its last character: of an address all numbers count, of a host with a domain what is before it."""


def _by_ending(colours: Sequence[str]) -> Iterator[Json]:
    for place, colour in enumerate(colours):
        ends = "0123456789"[place :: len(colours)] + _LETTERS[place :: len(colours)]
        yield painted(f"/^{_NAME}[{ends}](?:[ .:]|$)/i", colour)


HOST_COLOURS: Sequence[Json] = (
    *_by_ending(NAMED),
    override("byRegexp", "/^.[n-z]/i", custom_lineStyle={"dash": [12, 3], "fill": "dash"}),
)
"""For series whose legend begins with a host's name."""

_CPU, _GPU = "blue", "yellow"
_OTHERS = tuple(colour for colour in NAMED if colour not in (_CPU, _GPU, "dark-blue"))

SENSOR_COLOURS: Sequence[Json] = (
    *_by_ending(_OTHERS),
    painted("/^(?:coretemp|k10temp|zenpower|x86_pkg_temp|cpu)/", _CPU),
    painted("/^(?:amdgpu|nouveau|radeon|nvidia|gpu)/", _GPU),
)
"""For series whose legend begins with the name of a chip or a fan."""
