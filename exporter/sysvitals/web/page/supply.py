"""What is known of undervoltage, in few words."""

from sysvitals.judgement.power.judge import RECURRING, UNDERVOLTAGE
from sysvitals.model.event import Event
from sysvitals.web.page.times import say_time
from sysvitals.web.page.values import Look, number_of, text_of

_ALERTS = (UNDERVOLTAGE.alert, RECURRING.alert)


def find_undervoltage(look: Look) -> Event | None:
    """The latest reading of undervoltage; None where this board has none, or it is not known."""
    known = (event for event in look.all("throttling") if number_of(event, "active") is not None)
    return next((event for event in known if text_of(event, "cause") == "undervoltage"), None)


def say_undervoltage(look: Look) -> str:
    """How it is, or when it last was: within a day as the verdict says it, which remembers more than this run."""
    event = find_undervoltage(look)
    if event is None:
        return ""
    if number_of(event, "active"):
        return "undervoltage now"
    for reason in look.reasons:
        if reason.alert in _ALERTS and reason.last is not None:
            return reason.text[:1].lower() + reason.text[1:]
    count, last = number_of(event, "events"), number_of(event, "last")
    if count:
        times = "once" if count == 1 else f"{count:,} times"
        when = f", last at {say_time(last, look.now, look.zone)}" if last is not None else ""
        return f"undervoltage {times}{when}"
    if number_of(event, "since_boot"):
        return "undervoltage seen since boot"
    return "no undervoltage since boot" if number_of(event, "since_boot") is False else "no undervoltage now"
