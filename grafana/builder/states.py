"""States that several metrics tell together, as one number for each host, with the words and colours for it.

The larger the number the worse, so that tables can be sorted by it. Each is one expression for an instant query, and
gives one value for each `job` and `instance`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from grafana.builder.colours import CALM, CLEAR, CRITICAL, UNKNOWN, WARNING, WATCHING
from grafana.builder.hosts import SILENT, UP
from grafana.builder.judging import Json, range_mapping, value_mappings
from grafana.builder.queries import select
from prometheus.rulebook.states import NO_ANSWER, STATE, STATES, Tone
from prometheus.rulebook.states import UNKNOWN as NOT_KNOWN
from prometheus.rulebook.states import State as HostState

DAY_SECONDS = 86400

TONES: Mapping[Tone, str] = {
    "silent": CRITICAL,
    "critical": CRITICAL,
    "warning": WARNING,
    "watching": WATCHING,
    "well": CALM,
    "unknown": UNKNOWN,
}
"""The colour of each state of a host."""

RECORDED_STATE = select(STATE)
"""The state of each host, as the rules record it: for what is asked over time."""

HOST_STATE = f"""max by (job, instance) (
  {RECORDED_STATE}
) or max by (job, instance) (
  {SILENT}
) * 0 + {NO_ANSWER.code} or max by (job, instance) (
  {UP} == 1
) * 0 - {-NOT_KNOWN.code}"""
"""The state of each host now. Where the rules do not run, a host that answers is not judged."""

STATE_WORDS = [
    range_mapping(state.code, state.code + 0.99, state.words, TONES[state.tone], index=place)
    for place, state in enumerate(STATES)
]
"""Words and colours of the states. What is behind the point puts hosts of one state in order."""


def in_tone(tone: Tone) -> str:
    """Hosts whose state is as bad as this says, of those that have a recorded one."""
    codes = [state.code for state in STATES if state.tone == tone]
    return f"{RECORDED_STATE} >= {min(codes)} <= {max(codes)}"


def in_state(state: HostState, unless_recorded: str) -> str:
    """Hosts in this state, and those without a recorded one that would be."""
    return f"{RECORDED_STATE} == {state.code} or ({unless_recorded} unless on (job, instance) {RECORDED_STATE})"


@dataclass(frozen=True, slots=True)
class State:
    """One way to be in it: PromQL that gives a series for each host that is, and what to say."""

    when: str
    text: str
    colour: str


@dataclass(frozen=True, slots=True)
class States:
    """States of one thing from bad to good, numbered from their count down to 1; the first that holds is shown."""

    states: tuple[State, ...]

    @property
    def expression(self) -> str:
        """PromQL for the number."""
        top = len(self.states)
        return "\nor\n".join(
            f"max by (job, instance) ({state.when}) * 0 + {top - place}" for place, state in enumerate(self.states)
        )

    @property
    def mappings(self) -> list[Json]:
        """Words and colours for the numbers."""
        top = len(self.states)
        return value_mappings(
            {float(top - place): (state.text, state.colour) for place, state in enumerate(self.states)}
        )


_UNDERVOLTAGE = select("system_throttled", 'cause="undervoltage"')
_DIPS_TODAY = select("cause:system_throttle_events:increase1d", 'cause="undervoltage"')
_DIPPED_SINCE_BOOT = select("system_throttled_since_boot", 'cause="undervoltage"')

VOLTAGE = States(
    (
        State(f"{_UNDERVOLTAGE} == 1", "too low", CRITICAL),
        State(f"{_DIPS_TODAY} > 0", "low today", WARNING),
        State(f"{_DIPPED_SINCE_BOOT} == 1", "low since boot", WATCHING),
        State(f"{_UNDERVOLTAGE} == 0", "good", CALM),
    )
)
"""Is the voltage high enough? No series where no detector is."""

_UNDERVOLTAGE_FIRES = select("ALERTS", 'alertname="Undervoltage", alertstate="firing"')

POWER = States(
    (
        State(f"{_UNDERVOLTAGE} == 1", "too low", CRITICAL),
        State(_UNDERVOLTAGE_FIRES, "was too low", CRITICAL),
        State(f"{_DIPS_TODAY} > 0", "low today", WARNING),
        State(f"{select('system_power_budget_sufficient')} == 0", "weak supply", WARNING),
        State(f"{_DIPPED_SINCE_BOOT} == 1", "low since boot", WATCHING),
        State(f"{select('system_undervoltage_detectable')} == 0", "no detector", UNKNOWN),
        State(f"{_UNDERVOLTAGE} == 0", "good", CALM),
    )
)
"""Is the voltage high enough, can the board know, is the supply enough? No series where nothing is known."""

_THROTTLED = select("system_throttled", 'cause="throttled"')
_CAPPED = select("system_throttled", 'cause="frequency_capped"')
_SOFT_LIMIT = select("system_throttled", 'cause="soft_temperature_limit"')
_SLOWED_TODAY = select("cause:system_throttle_seconds:increase1d", 'cause=~"throttled|frequency_capped"')
_HEAT_LIMITED = select("system_heat_limited")

THROTTLING = States(
    (
        State(f"{_THROTTLED} == 1", "throttled", WARNING),
        State(f"{_CAPPED} == 1", "clock capped", WARNING),
        State(f"{_HEAT_LIMITED} == 1", "slowed by heat", WARNING),
        State(f"{_SOFT_LIMIT} == 1", "soft limit", WATCHING),
        State(f"{_SLOWED_TODAY} > 0", "earlier today", WATCHING),
        State(f"{_THROTTLED} == 0 or {_HEAT_LIMITED} == 0", "full speed", CALM),
    )
)
"""Is the processor slowed down? No series where nothing is known."""

SUPPLY = States(
    (
        State(f"{select('system_usb_over_current_detected')} == 1", "USB overload", WARNING),
        State(f"{select('system_power_budget_sufficient')} == 0", "too little", WARNING),
        State(f"{select('system_power_budget_sufficient')} == 1", "enough", CLEAR),
    )
)
"""What the supply promised when the board started. No series for boards that do not ask it."""

_UNCLEAN_TODAY = (
    f"{select('instance:system_unclean_shutdowns:increase1d')} > 0 "
    f"and on (job, instance) {select('system_uptime_seconds')} < {DAY_SECONDS}"
)


def _power_reset(cause: str) -> str:
    matcher = f'cause="{cause}"'
    return f"{select('system_power_reset', matcher)} == 1"


def _reset(reason: str) -> str:
    matcher = f'reason=~".*{reason}.*"'
    return select("system_reset_info", matcher)


START = States(
    (
        State(_power_reset("overvoltage"), "overvoltage", WATCHING),
        State(_power_reset("undervoltage"), "undervoltage", WATCHING),
        State(_power_reset("overtemperature"), "too hot", WATCHING),
        State(_UNCLEAN_TODAY, "power cut or crash", WARNING),
        State(_reset("watchdog"), "restart or hang", CLEAR),
        State(_reset("software"), "restarted", CLEAR),
        State(_reset("power_on"), "powered on", CLEAR),
    )
)
"""Why the host started last. No series where nothing is known."""
