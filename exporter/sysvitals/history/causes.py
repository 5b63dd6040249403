"""How long each cause of throttling lasted: by its changes, and by its readings where no change is near."""

from collections.abc import Iterable, Iterator, Sequence

from sysvitals.history.episodes import Episode, find_episodes, throttling_edge
from sysvitals.history.past import Past, View
from sysvitals.history.summaries.reading import SILENCE_SECONDS
from sysvitals.model.summary import Stretch


def find_throttling(past: Past, view: View) -> list[Episode]:
    """Each time that a cause was there, by when it began; the subject is the cause.

    One without `changes` is known by readings alone: it may have begun before what was read of it, and ended later.
    """
    last_seen = past.last_seen()
    found = find_episodes(past.occurrences, throttling_edge, last_seen, view.boot)
    known = list(found)
    for series, stretches in past.of("system.throttling.updated", "active").items():
        if len(series.labels) != 1:  # of a version that is not ours
            continue
        changed = [one for one in known if one.subject == series.labels]
        for run in _find_runs(stretches):
            begin, end = run[0].begin, run[-1].begin + run[-1].seconds
            if any(one.begin <= end and (one.end is None or one.end >= begin) for one in changed):
                continue
            goes_on = bool(run[-1].last) and view.boot in last_seen and end >= last_seen[view.boot]
            seconds = 0.0 if goes_on else sum(one.mean * one.seconds for one in run)
            boot = next((one.boot for one in past.coverage if one.end >= begin), "")
            found.append(Episode(series.labels, begin, None if goes_on else end, seconds, boot))
    return sorted(found, key=lambda one: one.begin)


def _find_runs(stretches: Iterable[Stretch]) -> Iterator[Sequence[Stretch]]:
    """Stretches in which a flag was set, those that follow each other together."""
    run: list[Stretch] = []
    for one in stretches:
        if run and (not one.most or one.begin - run[-1].begin - run[-1].seconds > SILENCE_SECONDS):
            yield run
            run = []
        if one.most:
            run.append(one)
    if run:
        yield run
