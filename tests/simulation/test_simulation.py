import hashlib
import json
import threading
from pathlib import Path

import pytest

from sysvitals.collectors import temperature
from sysvitals.collectors.fan import COLLECTOR as FANS
from sysvitals.collectors.fan import Fan
from sysvitals.host.host import Host
from sysvitals.simulation.errors import SimulationError
from sysvitals.simulation.scenario import Scenario, parse_scenario
from sysvitals.simulation.simulation import Layer, Simulation, causes_of
from sysvitals.sources.os.timekeeping import read_boot_id, read_uptime
from sysvitals.sources.pi.firmware import find_firmware
from sysvitals.sources.pi.gencmd import parse_adc, parse_clock, parse_temperature, parse_throttled
from sysvitals.sources.pi.rpi_volt import find_rpi_volt, read_undervoltage_alarm
from sysvitals.sources.pi.throttle_word import ThrottleWord, read_throttle_word
from sysvitals.sources.proc.loadavg import read_loadavg
from sysvitals.sources.proc.mountinfo import Mount, read_mounts
from sysvitals.sources.proc.netdev import NetDev, read_netdev
from sysvitals.sources.proc.pressure import Pressure, read_pressure
from sysvitals.sources.proc.stat import read_boot_time, read_stat
from sysvitals.sources.proc.wireless import Wireless, read_wireless
from sysvitals.sources.sys.cpus import list_policies, read_frequencies
from sysvitals.sources.sys.netclass import read_interface
from tests.building import known

START = 1_800_000_000.0


def play(steps: str = "[]", *, start: str = "{load: 0.1}", lasts: str = "2h") -> Scenario:
    return parse_scenario(f"summary: s\nlasts: {lasts}\nstart: {start}\nsteps: {steps}")


def alarm(host: Host) -> bool | None:
    folder = find_rpi_volt(host)
    assert folder is not None
    return read_undervoltage_alarm(host, folder)


def kernel_word(host: Host) -> ThrottleWord:
    folder = find_rpi_volt(host)
    assert folder is not None
    word = read_throttle_word(host, folder)
    assert word is not None
    return word


def firmware_word(host: Host) -> ThrottleWord:
    return parse_throttled(ask(host, "get_throttled"))


def ask(host: Host, command: str) -> str:
    firmware = find_firmware(host)
    assert firmware is not None
    answer = firmware.ask(command)
    assert answer is not None
    return answer.text


def celsius(host: Host) -> float:
    found = {
        one.chip: one.celsius for one in temperature.COLLECTOR.run(host) if isinstance(one, temperature.Temperature)
    }
    return found["cpu_thermal"]


def root(host: Host) -> Mount:
    return next(mount for mount in read_mounts(host) if isinstance(mount, Mount) and mount.path == "/")


def snapshot(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and ".sysvitals-simulation" not in str(path):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def test_the_same_seed_and_start_give_the_same_files_and_truth(tmp_path: Path) -> None:
    seen = []
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        with Simulation("pi5", "bad-night", tmp_path / name, seed=seed, start=START, nodes=False) as board:
            board.step(1200)
            truth = board.truth
        seen.append((snapshot(tmp_path / name), truth))
    assert seen[0] == seen[1]
    assert seen[0][0] != seen[2][0]


def test_what_happens_does_not_depend_on_how_often_the_files_are_written(tmp_path: Path) -> None:
    truths = []
    for name, stride in (("a", 0.1), ("b", 0.25), ("c", 60.0)):
        with Simulation("pi4", "brownout", tmp_path / name, start=START, nodes=False) as board:
            while board.elapsed < 60 - 1e-6:
                board.step(stride)
            truths.append(board.truth)
    assert truths[0]
    assert truths[0] == truths[1] == truths[2]


def test_the_kernels_file_follows_each_brownout_within_its_poll_and_the_firmware_at_once(tmp_path: Path) -> None:
    with Simulation("pi4", "brownout", tmp_path, seed=2) as board:
        host = board.host()
        shown: list[tuple[float, bool]] = []
        while board.elapsed < 220 or (board._active and board.elapsed < 240):
            board.step(0.1)
            if not shown or shown[-1][1] != alarm(host):
                shown.append((board.elapsed, bool(alarm(host))))
        supply = causes_of(board.truth, "board", "undervoltage")
        firmware = causes_of(board.truth, "firmware", "undervoltage")
        kernel = causes_of(board.truth, "kernel", "undervoltage")
    assert len(supply) == len(firmware) == len(kernel) >= 6
    for (began, ended), (bit_on, bit_off), (on, off) in zip(supply, firmware, kernel, strict=True):
        assert ended is not None
        assert bit_off is not None
        assert off is not None
        assert bit_on == pytest.approx(began)
        assert bit_off - ended == pytest.approx(3.1, abs=0.11)  # it lingers for 32 samples
        assert 0 <= on - began <= 2.1
        assert 0 < off - bit_off <= 4.1
    edges = [edge for span in kernel for edge in span]
    assert [at for at, _ in shown[1:]] == pytest.approx(edges)  # the file is what the truth says of it


def test_since_boot_is_the_firmwares_word_and_the_kernels_forgets(tmp_path: Path) -> None:
    steps = "[{at: 10s, pulse: {supply_volts: 4.4}, for: 3s}]"
    with Simulation("pi4", play(steps), tmp_path) as board:
        host = board.host()
        board.step(5)
        assert (firmware_word(host).word, kernel_word(host).word, alarm(host)) == (0, 0, False)
        board.step(7.5)
        assert firmware_word(host).word == 0x50005
        assert kernel_word(host).word == 0x50005
        assert alarm(host) is True
        board.step(30)
        assert firmware_word(host).word == 0x50000
        assert kernel_word(host).word == 0
        assert alarm(host) is False


def test_a_board_without_a_detector_browns_out_and_shows_nothing(tmp_path: Path) -> None:
    for name in ("pi-zero-w", "cm4"):
        with Simulation(name, "brownout", tmp_path / name) as board:
            assert not board.detects_undervoltage
            board.step(120)
            assert causes_of(board.truth, "board", "undervoltage")
            assert causes_of(board.truth, "firmware", "undervoltage") == []
            assert alarm(board.host()) is False
            assert firmware_word(board.host()).word == 0


def test_forced_bits_and_a_forced_detector_are_shown(tmp_path: Path) -> None:
    steps = "[{at: 10s, set: {undervoltage: on, throttle_bits: 8}}]"
    with Simulation("pi4", play(steps), tmp_path) as board:
        board.step(15)
        assert firmware_word(board.host()).word == 0xD000D


def test_heat_slows_a_3b_plus_at_60_and_any_board_from_80_to_85(tmp_path: Path) -> None:
    with Simulation("pi-3b-plus", "warm-up", tmp_path) as board:
        host = board.host()
        first: dict[str, float] = {}
        seen = {}
        while board.elapsed < 22 * 60:
            for truth in board.step(2):
                if truth.layer == "firmware" and truth.active:
                    first.setdefault(truth.cause, celsius(host))
                    seen[truth.cause] = parse_clock(ask(host, "measure_clock arm"))
        assert first["soft_temperature_limit"] == pytest.approx(60, abs=1.5)
        assert first["frequency_capped"] == pytest.approx(80, abs=1.5)
        assert first["throttled"] == pytest.approx(85, abs=1.5)
        assert seen["frequency_capped"] <= 1_200_000_000
        assert seen["throttled"] == 600_000_000
        # the kernel does not learn of it
        (policy,) = list_policies(host)
        asked = read_frequencies(host, policy, {})
        assert asked.current == asked.limit == 1_400_000_000
        board.step(18 * 60)
        assert firmware_word(host).word == 0xE0000
        assert {layer for layer, cause in board._active if cause in first} == set()


def test_work_takes_longer_on_a_slowed_board(tmp_path: Path) -> None:
    with Simulation("pi4", play("[{at: 60s, set: {supply_volts: 4.4}}]", start="{load: 0.3}"), tmp_path) as board:
        board.step(50)
        before = board.machine.use
        board.step(50)
        assert board.machine.real == 600e6
        assert board.machine.use > 1.8 * before


def test_temperature_nears_its_goal_with_the_boards_time_constant(tmp_path: Path) -> None:
    steps = "[{at: 100s, set: {load: 1}}]"
    with Simulation("pi4", play(steps, start="{load: 0.06, ambient: 0}"), tmp_path) as board:
        board.step(100)
        cold = board.machine.celsius
        board.step(110)
        warmer = board.machine.celsius
        board.step(3600)
        assert cold is not None
        assert warmer is not None
        assert board.machine.celsius == pytest.approx(60, abs=0.5)
        assert (warmer - cold) / (60 - cold) == pytest.approx(0.632, abs=0.02)


def test_a_fan_that_sticks_is_driven_and_stands_still_and_the_board_gets_hot(tmp_path: Path) -> None:
    with Simulation("pi5", "fan-failure", tmp_path) as board:
        host = board.host()
        board.step(230)
        (fan,) = FANS.run(host)
        assert isinstance(fan, Fan)
        assert fan.speed is not None
        assert fan.speed > 2000
        cool = celsius(host)
        board.step(19 * 60)
        (fan,) = FANS.run(host)
        assert isinstance(fan, Fan)
        assert (fan.speed, fan.state, fan.max_state, fan.stalled) == (0, 4, 4, True)
        assert fan.duty == pytest.approx(250 / 255)
        assert celsius(host) > cool + 12
        board.step(5 * 60)
        assert len(causes_of(board.truth, "board", "fan_stalled")) == 1


def test_a_slow_sag_hovers_and_then_stays_until_the_supply_is_replaced(tmp_path: Path) -> None:
    with Simulation("pi5", "supply-sag", tmp_path, loop=False) as board:
        while board.elapsed < 27 * 60:
            board.step(30)
        volts = {adc.rail: adc.volts for adc in parse_adc(ask(board.host(), "pmic_read_adc"))}["EXT5V"]
        assert volts == pytest.approx(4.45, abs=0.06)
        assert firmware_word(board.host()).active("undervoltage")
        board.step(170)
        assert board.is_over is False
        assert firmware_word(board.host()).word & 0xF == 0
    spans = causes_of(board.truth, "board", "undervoltage")
    assert len(spans) > 5
    last = spans[-1]
    assert last[1] == pytest.approx(28 * 60, abs=1)


def test_the_root_turns_read_only_as_the_kernel_shows_it_and_nothing_is_written_any_more(tmp_path: Path) -> None:
    with Simulation("pi4", "sd-read-only", tmp_path) as board:
        host = board.host()
        board.step(170)
        assert root(host).read_only is False
        with (tmp_path / "proc/1/mountinfo").open("rb", buffering=0) as held:
            board.step(20)
            assert root(host).read_only is True
            held.seek(0)
            assert b" - ext4 /dev/mmcblk0p2 ro\n" in held.read()  # also for who keeps the table open
        before = (tmp_path / "proc/diskstats").read_text().splitlines()[0].split()[7]
        board.step(60)
        assert (tmp_path / "proc/diskstats").read_text().splitlines()[0].split()[7] == before
        boot = read_boot_id(host)
        board.step(300)
        assert root(host).read_only is False
        assert read_boot_id(host) != boot


def test_wifi_fades_is_lost_and_comes_back(tmp_path: Path) -> None:
    with Simulation("pi4", "wifi-fading", tmp_path) as board:
        host = board.host()
        signals: list[int | None] = []
        for _ in range(15):
            board.step(60 if signals else 50)
            rows = read_wireless(host)
            assert rows is not None
            signals.append(next((row.signal_dbm for row in rows if isinstance(row, Wireless)), None))
        carrier = read_interface(host, "wlan0")
    assert signals[0] == pytest.approx(-48, abs=4)
    assert signals[6] == pytest.approx(-89, abs=5)
    assert signals[8] is None
    assert signals[14] == pytest.approx(-55, abs=4)
    assert carrier.carrier is True
    assert carrier.carrier_changes == 6 + 2
    ((lost, back),) = causes_of(board.truth, "board", "link_down wlan0")
    assert 7 * 60 < lost < 8 * 60 < 10 * 60 < (back or 0)


def test_a_cable_that_is_pulled_is_a_link_that_is_down(tmp_path: Path) -> None:
    with Simulation("pi4", play("[{at: 10s, pulse: {ethernet: off}, for: 5s}]"), tmp_path) as board:
        board.step(12)
        down = read_interface(board.host(), "eth0")
        board.step(12)
        up = read_interface(board.host(), "eth0")
    assert (down.operstate, down.carrier, down.speed, down.faults) == ("down", False, None, ())
    assert (up.operstate, up.carrier, up.speed) == ("up", True, 1000)
    assert up.carrier_changes is not None
    assert up.carrier_changes - (down.carrier_changes or 0) == 1


def test_a_power_cut_freezes_the_tree_and_then_everything_begins_anew(tmp_path: Path) -> None:
    with Simulation("pi4", "power-cut", tmp_path, start=START) as board:
        host = board.host()
        board.step(119)
        boot, uptime, booted = read_boot_id(host), known(read_uptime(host)), read_boot_time(host, None)
        assert uptime > 1_000_000
        assert booted == round(START - 1209331.42)
        board.step(10)
        powered = [board.has_power]
        frozen = snapshot(tmp_path)
        assert find_firmware(host) is None or not (tmp_path / "dev/vcio").exists()
        board.step(20)
        assert snapshot(tmp_path) == frozen
        board.step(20)
        powered.append(board.has_power)
        assert read_boot_id(host) == board.boot_id
        assert board.boot_id != boot
        assert 8 <= known(read_uptime(host)) < 25
        assert read_boot_time(host, None) == pytest.approx(START + 150, abs=1)
        stat = read_stat(host)
        assert known(stat.forks) < 100
        received = {row.device: known(row.receive_bytes) for row in read_netdev(host) if isinstance(row, NetDev)}
        assert received["eth0"] < 10_000_000
        assert firmware_word(host).word == 0
        pressure = read_pressure(host, "cpu")
        assert isinstance(pressure, Pressure)
        assert known(known(pressure.some).total) < 60
    assert powered == [False, True]
    ((began, ended),) = causes_of(board.truth, "board", "power_cut")
    assert began == pytest.approx(120)
    assert ended == pytest.approx(158, abs=0.3)


def test_what_a_power_cut_interrupts_ends_with_it(tmp_path: Path) -> None:
    steps = "[{at: 10s, set: {supply_volts: 4.4}}, {at: 20s, pulse: {power: off}, for: 5s}]"
    with Simulation("pi4", play(steps), tmp_path) as board:
        board.step(60)
        layers: tuple[Layer, ...] = ("board", "firmware")
        for layer in layers:
            first, second = causes_of(board.truth, layer, "undervoltage")
            assert first[1] == pytest.approx(20)
            assert second[1] is None
        assert len({one.boot for one in board.truth}) == 2


def test_a_simulation_that_is_started_again_is_another_boot(tmp_path: Path) -> None:
    boots = []
    for _ in range(3):
        with Simulation("pi4", "idle", tmp_path, seed=1) as board:
            board.step(1)
            boots.append((read_boot_id(board.host()), known(read_uptime(board.host())) < 20))
    assert len({boot for boot, _ in boots}) == 3
    assert [fresh for _, fresh in boots] == [False, True, True]


def test_counters_and_uptime_advance_as_time_does(tmp_path: Path) -> None:
    with Simulation("pi4", play(start="{load: 0.5, network: 1e6}"), tmp_path) as board:
        host = board.host()
        board.step(10)
        uptime, stat, load = known(read_uptime(host)), read_stat(host), read_loadavg(host)
        received = {row.device: known(row.receive_bytes) for row in read_netdev(host) if isinstance(row, NetDev)}
        board.step(100)
        later, after = (
            read_stat(host),
            {row.device: known(row.receive_bytes) for row in read_netdev(host) if isinstance(row, NetDev)},
        )
        assert known(read_uptime(host)) - uptime == pytest.approx(100)
        assert after["eth0"] - received["eth0"] == pytest.approx(80e6, rel=0.01)
        then, now = known(stat.total), known(later.total)
        busy = known(now.user) + known(now.system) - known(then.user) - known(then.system)
        idle = known(now.idle) - known(then.idle)
        assert busy / (busy + idle) == pytest.approx(0.5 / (board.machine.real / board.machine.highest), rel=0.06)
        assert busy + idle == pytest.approx(400, rel=0.05)
        assert known(read_loadavg(host).one) > known(load.one)


def test_readers_that_hammer_never_see_what_no_source_can_read(tmp_path: Path) -> None:
    wrong: list[str] = []
    rounds = [0]
    ending = threading.Event()
    with Simulation("pi4", "bad-night", tmp_path, nodes=False) as board:
        host = board.host()

        def hammer() -> None:
            while not ending.is_set():
                try:
                    read_uptime(host)
                    found = [*read_netdev(host), *read_mounts(host), *temperature.COLLECTOR.run(host)]
                    wrong.extend(str(one) for one in found if type(one).__name__ == "Fault")
                    stat = read_stat(host)
                    assert len(stat.cpus) == 4
                    assert stat.faults == ()
                    alarm(host)
                    kernel_word(host)
                except (OSError, ValueError, AssertionError) as error:
                    wrong.append(repr(error))
                rounds[0] += 1

        readers = [threading.Thread(target=hammer) for _ in range(2)]
        for reader in readers:
            reader.start()
        for _ in range(250):
            board.step(11)
        ending.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert rounds[0] > 20


def test_firmware_answers_are_those_of_the_moment(tmp_path: Path) -> None:
    steps = "[{at: 10s, set: {temperature: 71.5, arm_hertz: 7e8}}]"
    with Simulation("pi5", play(steps), tmp_path) as board:
        board.step(20)
        assert parse_temperature(ask(board.host(), "measure_temp")) == 71.5
        assert parse_clock(ask(board.host(), "measure_clock arm")) == 700_000_000
        watts = sum(adc.watts or 0 for adc in parse_adc(ask(board.host(), "pmic_read_adc")))
        assert watts == pytest.approx(board.machine.watts, rel=0.05)


def test_x86_counts_its_throttling_when_the_episode_is_over(tmp_path: Path) -> None:
    def count(name: str) -> int:
        return int((tmp_path / "sys/devices/system/cpu/cpu0/thermal_throttle" / name).read_text())

    steps = "[{at: 10s, pulse: {temperature: 101}, for: 30s}]"
    with Simulation("nuc", play(steps), tmp_path) as board:
        board.step(5)
        before = count("core_throttle_count"), count("core_throttle_total_time_ms")
        board.step(20)
        assert count("core_throttle_count") == before[0] + 1
        assert count("core_throttle_total_time_ms") == before[1]
        board.step(600)
        assert count("core_throttle_total_time_ms") > before[1] + 29_000


def test_the_truth_lies_beside_the_tree_too(tmp_path: Path) -> None:
    with Simulation("pi4", "brownout", tmp_path) as board:
        board.step(100)
        lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert [line["elapsed"] for line in lines] == [one.elapsed for one in board.truth]
    assert {"elapsed", "time", "uptime", "boot", "layer", "cause", "active"} == set(lines[0])


def test_mount_points_are_there_to_be_asked_for_their_space(tmp_path: Path) -> None:
    with Simulation("pi4", "idle", tmp_path) as board:
        for mount in ("", "boot/firmware", "srv/data", "run/user/1000"):
            assert board.host().statvfs(str(tmp_path / mount)).f_blocks > 0


def test_the_host_is_called_as_asked(tmp_path: Path) -> None:
    with Simulation("pi4", "idle", tmp_path, hostname="attic"):
        assert (tmp_path / "etc/hostname").read_text() == "attic\n"


def test_a_scenario_that_the_board_cannot_play_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"^fan-failure.yaml:5: steps\[0\]: fan needs a fan, which this board"):
        Simulation("pi4", "fan-failure", tmp_path / "new")
    assert not (tmp_path / "new").exists()
