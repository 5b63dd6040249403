"""What is watched on behalf of which collector, and who is to be woken by a change. Used by the loop alone."""

from collections.abc import Iterable

from sysvitals.model.collector import Watch
from sysvitals.pipeline.file_watcher import FileWatcher, Watched


class Watching:
    """The things that collectors watch. Several may watch the same, under the same name."""

    def __init__(self) -> None:
        self.files = FileWatcher()
        self.wakes: dict[tuple[str, bool], int] = {}
        self.watched: dict[str, Watched] = {}
        self._owners: dict[str, frozenset[str]] = {}
        self._wanted: dict[str, dict[str, Watch]] = {}

    def set_collectors(self, watching: Iterable[str]) -> None:
        """These collectors watch something: count their wakes from 0."""
        names = list(watching)
        kept = {key: total for key, total in self.wakes.items() if key[0] in names}
        self.wakes = {(name, notified): kept.get((name, notified), 0) for name in names for notified in (False, True)}

    def set_watches(self, collector: str, watches: Iterable[Watch]) -> tuple[list[Watched], list[Watched]]:
        """What this collector watches from now on. Returns what is watched since, and what no more."""
        self._wanted[collector] = {watch.name: watch for watch in watches}
        every = [watch for mine in self._wanted.values() for watch in mine.values()]
        # of two that watch the same the more eager one counts
        wanted = {watch.name: watch for watch in sorted(every, key=lambda watch: -watch.seconds)}
        gone = [self.watched.pop(name) for name in self.watched.keys() - wanted.keys()]
        new = []
        for name, watch in wanted.items():
            if name in self.watched:
                self.watched[name].watch = watch
            else:
                self.watched[name] = Watched(watch)
                new.append(self.watched[name])
        self._owners = {
            name: frozenset(owner for owner, mine in self._wanted.items() if name in mine) for name in wanted
        }
        return new, gone

    def owners(self, name: str) -> frozenset[str]:
        """The collectors that watch this."""
        return self._owners.get(name, frozenset())

    def changed(self, watched: Watched, *, notified: bool) -> frozenset[str]:
        """The collectors that are to be woken since this has changed."""
        owners = self.owners(watched.watch.name)
        for owner in owners:
            self.wakes[owner, notified] = self.wakes.get((owner, notified), 0) + 1
        return owners
