import errno
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.sources.pi.vcgencmd import Answer, ask_vcgencmd, find_vcgencmd, parse_output

PATH = "/usr/bin/vcgencmd"
NOT_KNOWN = 'vc_gencmd_read_response returned -1\nerror=1 error_msg="Command not registered"\n'


class FakeHost(Host):
    """Has a vcgencmd that answers from a table, and counts how often it was run."""

    def __init__(self, answers: dict[str, tuple[int, bytes] | OSError], *, path: str = PATH) -> None:
        super().__init__()
        self.answers = answers
        self.path = path
        self.runs: list[list[str]] = []

    def exists(self, path: str) -> bool:
        return path == self.path

    def run_program(self, path: str, arguments: Sequence[str], seconds: float) -> tuple[int, bytes]:
        assert (path, seconds) == (self.path, 2.0)
        self.runs.append(list(arguments))
        answer = self.answers[" ".join(arguments)]
        if isinstance(answer, OSError):
            raise answer
        return answer


class Clock:
    """Stands in for the monotonic clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("sysvitals.sources.pi.vcgencmd.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("path", ["/usr/bin/vcgencmd", "/opt/vc/bin/vcgencmd"])
def test_the_program_is_found_where_it_is_installed(path: str) -> None:
    assert find_vcgencmd(FakeHost({}, path=path)) == path


def test_there_is_none_elsewhere() -> None:
    assert find_vcgencmd(FakeHost({}, path="/usr/local/bin/vcgencmd")) is None


@pytest.mark.parametrize("root", [{"rootfs": "/host"}, {"devfs": "/board/dev"}])
def test_the_program_of_another_host_is_not_ours(root: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Host, "exists", lambda *_: True)
    assert find_vcgencmd(Host(**root)) is None


def test_a_command_is_run_word_by_word(clock: Clock) -> None:
    host = FakeHost({"measure_volts core": (0, b"volt=1.2000V\n")})
    assert ask_vcgencmd(host, PATH, "measure_volts core") == Answer("volt=1.2000V")
    assert host.runs == [["measure_volts", "core"]]


def test_a_command_is_run_once_a_minute_at_most_and_its_age_is_told(clock: Clock) -> None:
    host = FakeHost({"get_throttled": (0, b"throttled=0x0\n"), "measure_temp": (0, b"temp=47.8'C\n")})
    assert ask_vcgencmd(host, PATH, "get_throttled") == Answer("throttled=0x0", 0.0)
    host.answers["get_throttled"] = (0, b"throttled=0x50005\n")
    clock.now += 59.9
    assert ask_vcgencmd(host, PATH, "get_throttled") == Answer("throttled=0x0", 59.9)
    assert ask_vcgencmd(host, PATH, "measure_temp") == Answer("temp=47.8'C", 0.0)
    clock.now += 0.1
    assert ask_vcgencmd(host, PATH, "get_throttled") == Answer("throttled=0x50005", 0.0)
    assert host.runs == [["get_throttled"], ["measure_temp"], ["get_throttled"]]


@pytest.mark.fault(
    "resources",
    "vcgencmd that cannot be started: no more tasks (EAGAIN), no memory, no permission",
    seen="`sysvitals_read_errors_total` rises; what only the firmware knows is absent",
    heals="by itself, within 10 min of when it can be started",
)
@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((255, b"VCHI initialization failed\n"), PermissionError, "usermod -aG video"),
        ((1, b""), ValueError, "failed at get_rsts"),
        ((0, b""), ValueError, "answered nothing to get_rsts"),
        ((0, b"\n"), ValueError, "answered nothing to get_rsts"),
        (TimeoutError(errno.ETIMEDOUT, "not done after 2 s", PATH), TimeoutError, "not done after 2 s"),
        (PermissionError(errno.EACCES, "Permission denied", PATH), PermissionError, "Permission denied"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), OSError, "Cannot allocate memory"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), OSError, "temporarily unavailable"),
    ],
)
def test_a_failure_is_raised_each_time_and_the_program_not_run_again_for_ten_minutes(
    clock: Clock, answer: tuple[int, bytes] | OSError, error: type[Exception], words: str
) -> None:
    host = FakeHost({"get_rsts": answer})
    for _ in range(3):
        with pytest.raises(error, match=words):
            ask_vcgencmd(host, PATH, "get_rsts")
    clock.now += 599.0
    with pytest.raises(error, match=words):
        ask_vcgencmd(host, PATH, "get_rsts")
    assert len(host.runs) == 1
    clock.now += 1.0
    host.answers["get_rsts"] = (0, b"get_rsts=1000\n")
    assert ask_vcgencmd(host, PATH, "get_rsts") == Answer("get_rsts=1000")


@pytest.mark.parametrize(
    ("status", "output"),
    [
        (255, NOT_KNOWN),
        (0, 'error=1 error_msg="Command not registered"\n'),
        (255, 'vc_gencmd_read_response returned -1\nerror=2 error_msg="Invalid arguments"\n'),
        (255, "Can't open device file: /dev/vcio_gencmd\nTry creating a device file with: sudo mknod ...\n"),
    ],
)
def test_what_the_firmware_does_not_know_has_no_answer(status: int, output: str, clock: Clock) -> None:
    assert parse_output(status, output, "pmic_read_adc") is None
    host = FakeHost({"pmic_read_adc": (status, output.encode())})
    assert ask_vcgencmd(host, PATH, "pmic_read_adc") is None
    clock.now += 599.0
    assert ask_vcgencmd(host, PATH, "pmic_read_adc") is None
    assert len(host.runs) == 1


@pytest.mark.parametrize("command", ["", "get_throttled 0xf", "display_power 0", "commands"])
def test_no_other_command_is_ever_run(command: str) -> None:
    host = FakeHost({})
    with pytest.raises(ValueError, match="not a command"):
        ask_vcgencmd(host, PATH, command)
    assert host.runs == []


@given(st.integers(0, 255), st.text(max_size=80))
def test_any_output_is_a_text_or_refused(status: int, output: str) -> None:
    try:
        text = parse_output(status, output, "get_rsts")
    except (PermissionError, ValueError):
        return
    assert text is None or (status == 0 and text == output.strip() != "")
