"""The hub between the bus and those who watch."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.collectors.load import Load
from sysvitals.model.changes import Reloaded
from sysvitals.model.event import Event, Stamp
from sysvitals.outputs.live import BEAT_SECONDS, LiveHub, Mark, TooManyViewersError, Viewer
from tests.patience import PATIENCE

BOOT = "815fbde3"


def event(seq: int, boot: str = BOOT) -> Event:
    return Event(Stamp(1_800_000_000.0 + seq, "pi4", boot, float(seq), synced=True), seq, Reloaded(changed=str(seq)))


def play(scene: Callable[[LiveHub], Awaitable[None]], **limits: int) -> LiveHub:
    """The scene with a hub in an event loop."""
    hub = LiveHub(**{"viewers": 4, **limits})

    async def run() -> None:
        hub.attach(asyncio.get_running_loop().call_soon_threadsafe)
        await scene(hub)

    asyncio.run(run())
    return hub


async def take(viewer: Viewer) -> tuple[list[int], int]:
    taken = await asyncio.wait_for(viewer.take(), PATIENCE)
    assert taken is not None
    lines, dropped = taken
    return [line.seq for line in lines], dropped


def test_a_viewer_gets_what_happens_from_when_it_came_in_order() -> None:
    async def scene(hub: LiveHub) -> None:
        hub.offer((event(1),))
        viewer = hub.join()
        hub.offer((event(2), event(3)))
        hub.offer((event(4),))
        assert await take(viewer) == ([2, 3, 4], 0)
        hub.offer((event(5),))
        assert await take(viewer) == ([5], 0)

    play(scene)


def test_events_from_another_thread_wake_a_viewer_that_waits() -> None:
    async def scene(hub: LiveHub) -> None:
        viewer = hub.join()
        taking = asyncio.create_task(take(viewer))
        await asyncio.sleep(0)
        await asyncio.to_thread(hub.offer, (event(1),))
        assert await taking == ([1], 0)

    play(scene)


def test_a_line_is_the_event_as_the_history_has_it() -> None:
    async def scene(hub: LiveHub) -> None:
        viewer = hub.join()
        hub.offer((event(7),))
        taken = await viewer.take()
        assert taken is not None
        [line] = taken[0]
        assert (line.boot, line.seq, line.name) == (BOOT, 7, "sysvitals.reloaded")
        assert json.loads(line.text)["data"] == {"changed": "7"}

    play(scene)


def test_a_slow_viewer_loses_its_oldest_events_is_told_how_many_and_hurts_no_other() -> None:
    async def scene(hub: LiveHub) -> None:
        slow, quick = hub.join(), hub.join()
        for seq in range(10):
            hub.offer((event(seq),))
            assert await take(quick) == ([seq], 0)
        assert await take(slow) == ([6, 7, 8, 9], 6)
        hub.offer((event(10),))
        assert await take(slow) == ([10], 0)
        assert hub.dropped == 6

    play(scene, waiting=4)


def test_a_loop_that_stands_still_loses_the_oldest_too_and_counts_them() -> None:
    async def scene(hub: LiveHub) -> None:
        viewer = hub.join()
        hub.offer(tuple(event(seq) for seq in range(10)))
        assert hub.waiting == 4
        assert await take(viewer) == ([6, 7, 8, 9], 6)

    assert play(scene, waiting=4).dropped == 6


def test_who_comes_back_gets_what_was_missed() -> None:
    async def scene(hub: LiveHub) -> None:
        hub.offer((event(1), event(2), event(3)))
        assert await take(hub.join(Mark(BOOT, 1))) == ([2, 3], 0)

    play(scene)


def test_who_comes_back_too_late_is_told_how_much_is_gone() -> None:
    async def scene(hub: LiveHub) -> None:
        for seq in range(10):
            hub.offer((event(seq),))
        assert await take(hub.join(Mark(BOOT, 1))) == ([6, 7, 8, 9], 4)

    play(scene, recent=4)


def test_who_comes_back_after_a_reboot_gets_all_of_the_new_boot() -> None:
    async def scene(hub: LiveHub) -> None:
        hub.offer((event(0, "another"), event(1, "another")))
        assert await take(hub.join(Mark(BOOT, 500))) == ([0, 1], 0)

    play(scene)


@settings(max_examples=40, deadline=None)  # each waits for a tenth of a second
@given(
    st.lists(st.integers(1, 4), max_size=12),
    st.integers(0, 20),
    st.integers(1, 8),
)
def test_nothing_is_given_twice_or_lost_untold(runs: list[int], seen: int, recent: int) -> None:
    async def scene(hub: LiveHub) -> None:
        seq = 0
        for count in runs:
            hub.offer(tuple(event(number) for number in range(seq, seq + count)))
            seq += count
        mark = min(seen, seq - 1)
        viewer = hub.join(Mark(BOOT, mark))
        hub.offer((event(seq),))
        seqs, dropped = await take(viewer)
        while seqs[-1:] != [seq]:  # what was missed comes at once, what happens now a moment later
            more, lost = await take(viewer)
            seqs, dropped = seqs + more, dropped + lost
        assert seqs == list(range(mark + 1 + dropped, seq + 1))

    play(scene, recent=recent, waiting=100)


def test_no_more_viewers_are_accepted_than_there_is_room_for_until_one_goes() -> None:
    async def scene(hub: LiveHub) -> None:
        first = hub.join()
        hub.join()
        with pytest.raises(TooManyViewersError, match="2 viewers"):
            hub.join()
        hub.leave(first)
        assert hub.viewers == 1
        hub.join()

    play(scene, viewers=2)


def test_the_end_lets_viewers_have_what_waits_and_then_go() -> None:
    async def scene(hub: LiveHub) -> None:
        viewer = hub.join()
        hub.offer((event(1),))
        hub.end()
        assert await take(viewer) == ([1], 0)
        assert await asyncio.wait_for(viewer.take(), PATIENCE) is None

    play(scene)


def test_it_is_watched_while_somebody_looks_who_wants_it_lively() -> None:
    async def scene(hub: LiveHub) -> None:
        hub.join()
        assert not hub.watched.is_set()
        eyes = hub.join(lively=True)
        assert hub.watched.is_set()
        hub.leave(eyes)
        assert not hub.watched.is_set()

    play(scene)


def test_eyes_get_a_sign_of_life_after_each_silence_and_other_viewers_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysvitals.outputs.live.BEAT_SECONDS", 0.01)

    async def scene(hub: LiveHub) -> None:
        script, eyes = hub.join(), hub.join(lively=True)
        taking = asyncio.create_task(script.take())
        for _ in range(3):
            assert await take(eyes) == ([], 0)
        assert not taking.done()
        taking.cancel()

    play(scene)


def count_timers(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.TimerHandle]:
    """Those that would wake the process after a silence, in the order of their setting."""
    timers: list[asyncio.TimerHandle] = []
    set_timer = asyncio.BaseEventLoop.call_later

    def note(loop: asyncio.BaseEventLoop, delay: float, call: Callable[..., object], *more: object) -> object:
        timer = set_timer(loop, delay, call, *more)
        if delay == BEAT_SECONDS:
            timers.append(timer)
        return timer

    monkeypatch.setattr(asyncio.BaseEventLoop, "call_later", note)
    return timers


def test_a_hundred_pages_share_one_timer_and_no_page_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    timers = count_timers(monkeypatch)

    async def scene(hub: LiveHub) -> None:
        hub.join()
        assert timers == []
        eyes = [hub.join(lively=True) for _ in range(100)]
        assert [timer.cancelled() for timer in timers].count(False) == 1
        for viewer in eyes:
            hub.leave(viewer)
        assert all(timer.cancelled() for timer in timers)

    play(scene, viewers=101)


def test_readings_are_a_sign_of_life_too(monkeypatch: pytest.MonkeyPatch) -> None:
    timers = count_timers(monkeypatch)

    async def scene(hub: LiveHub) -> None:
        eyes = hub.join(lively=True)
        hub.offer((event(1),))
        assert await take(eyes) == ([1], 0)
        assert [timer.cancelled() for timer in timers] == [True, False]

    play(scene)


def test_events_after_the_loop_has_ended_go_nowhere_and_hurt_nobody() -> None:
    hubs: list[LiveHub] = []

    async def scene(hub: LiveHub) -> None:
        hub.join()
        hubs.append(hub)

    play(scene)
    hubs[0].offer((event(1),))
    hubs[0].offer((event(2),))


def test_without_viewers_nothing_waits_and_nothing_is_lost() -> None:
    hub = LiveHub(viewers=1, recent=3)
    for seq in range(100):
        hub.offer((Event(event(seq).stamp, seq, Load(load1=1.0, load5=1.0, load15=1.0, running=1, tasks=1)),))
    assert (hub.waiting, hub.dropped, hub.spread) == (0, 0, 0)
