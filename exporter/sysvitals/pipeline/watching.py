"""What is watched on behalf of which collector, and who is to be woken by a change. Used by the loop alone."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from sysvitals.model.collector import Watch
from sysvitals.pipeline.file_watcher import FileWatcher, Watched
from sysvitals.pipeline.kernel_notices import DEVICE, LINK, LOST, NoticeSocket
from sysvitals.pipeline.plan import Key

NET = "net"


class Heard(NamedTuple):
    """What follows from notices: things to read, and subsystems whose devices came or went (None: perhaps any)."""

    things: AbstractSet[Key]
    subsystems: AbstractSet[str] | None


class Watching:
    """The things that collectors watch. Several may watch the same, under the same name."""

    def __init__(self) -> None:
        self.files = FileWatcher()
        self._heard = set[str]()
        self._strangers = set[str]()
        self.wakes: dict[tuple[str, bool], int] = {}
        self.watched: dict[str, Watched] = {}
        self._owners: dict[str, frozenset[str]] = {}
        self._wanted: dict[str, dict[str, Watch]] = {}
        self._links: dict[str, set[Key]] = {}
        self._noticed = set[Key]()

    def hears(self, subsystems: Iterable[str]) -> bool:
        """Whether the kernel gives notice of all devices of these subsystems that come and go.

        Those of network devices are of this process's namespace, which need not be the host's.
        """
        sources = {LINK if name == NET else DEVICE for name in subsystems}
        return bool(sources) and sources <= self._heard

    def needs_looks(self, watch: Watch) -> bool:
        """Whether one has to look at it, since the kernel does not give notice of links here."""
        return not (watch.link and LINK in self._heard)

    def is_noticed(self, collector: str, thing: str) -> bool:
        """Whether the kernel gives notice of all changes of this thing, a link."""
        return Key(collector, thing) in self._noticed

    def thing_of(self, collector: str, watched: Watched) -> str:
        """The thing that this collector reads when this has changed; empty: all of them."""
        return self._wanted[collector][watched.watch.name].thing

    def listen(self, sources: Iterable[NoticeSocket]) -> None:
        """Hear of the kernel's notices at these sockets from now on."""
        for source in sources:
            self.files.listen(source)
            self._heard.add(source.kind)
        self._set_links()

    def hear(self, source: NoticeSocket) -> Heard:
        """What follows from the notices that have arrived. Raises OSError where none will come any more."""
        notices = source.read()
        if source.kind == DEVICE:
            return Heard(set(), None if LOST in notices else {notice.name for notice in notices})
        if LOST in notices:
            return Heard({thing for things in self._links.values() for thing in things}, {NET})
        things = set[Key]()
        has_news = False
        for name, settled in notices:
            is_known = name in self._links
            if is_known and settled:
                things |= self._links[name]
            elif is_known or name not in self._strangers:
                has_news = True
            # one that a search has left out is not searched for at each of its notices
            if settled and not is_known:
                self._strangers.add(name)
            else:
                self._strangers.discard(name)
        self.count((thing.collector for thing in things), notified=True)
        return Heard(things, {NET} if has_news else set())

    def stop_listening(self, source: NoticeSocket) -> None:
        """No further notice will come from this source."""
        self.files.ignore(source)
        self._heard.discard(source.kind)
        self._set_links()

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
                self.watched[name] = Watched(watch, self.files.room)
                new.append(self.watched[name])
        self._owners = {
            name: frozenset(owner for owner, mine in self._wanted.items() if name in mine) for name in wanted
        }
        self._set_links()
        return new, gone

    def _set_links(self) -> None:
        self._links = {}
        for owner, mine in self._wanted.items():
            for watch in mine.values():
                if watch.link:
                    self._links.setdefault(watch.link, set()).add(Key(owner, watch.thing))
        things = {thing for found in self._links.values() for thing in found}
        self._noticed = things if LINK in self._heard else set()

    def owners(self, name: str) -> frozenset[str]:
        """The collectors that watch this."""
        return self._owners.get(name, frozenset())

    def changed(self, watched: Watched, *, notified: bool) -> frozenset[str]:
        """The collectors that are to be woken since this has changed."""
        owners = self.owners(watched.watch.name)
        self.count(owners, notified=notified)
        return owners

    def count(self, owners: Iterable[str], *, notified: bool) -> None:
        """These collectors are woken."""
        for owner in owners:
            self.wakes[owner, notified] = self.wakes.get((owner, notified), 0) + 1
