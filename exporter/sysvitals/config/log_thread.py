"""A log that never holds up the code that logs: messages wait in a bounded queue, and one thread writes them."""

import logging
from queue import Empty, SimpleQueue
from threading import Thread

from sysvitals.host.lines import Lines
from sysvitals.host.threads import start_thread

LIMIT_MESSAGES = 1000
_CLOSE_SECONDS = 0.5


class ThreadedHandler(logging.Handler):
    """Writes to `descriptor` in a thread of its own.

    While that cannot be written to, at most `limit` messages wait. After that the oldest are dropped and counted, and
    the first message that is written again says how many were lost before it.
    """

    def __init__(self, descriptor: int, *, limit: int = LIMIT_MESSAGES) -> None:
        super().__init__()
        self._lines = Lines(descriptor)
        self._limit = limit
        self._waiting: SimpleQueue[str | None] = SimpleQueue()  # None: the end
        self._ended = False
        self._overtaken = 0
        self._refused = 0
        self._reported = 0
        self.start()

    def start(self) -> None:
        """Begin to write, also once more after the thread has died.

        Raises NoThreadError where there is no room for one.
        """
        # sleeps unless there is something to write; a daemon, since a write that hangs must not keep the process
        thread = Thread(target=self._run, name="log", daemon=True)
        start_thread(thread)  # where it cannot be started, the dead one stays and shows
        self.thread = thread

    @property
    def dropped(self) -> int:
        """Messages that were lost: they found no room, or were refused when they were written."""
        return self._overtaken + self._refused

    def emit(self, record: logging.LogRecord) -> None:
        """Put the message into the queue. The caller holds this handler's lock, so nothing else puts or drops."""
        try:
            text = self.format(record)
        except Exception as error:  # noqa: BLE001  # `logging` itself would write a traceback, and wait for that
            text = self._compose(logging.ERROR, f"this message has the wrong arguments: {record.msg!r}: {error!r}")
        if self._ended:
            return
        while self._waiting.qsize() >= self._limit:
            try:
                self._waiting.get_nowait()
            except Empty:  # the thread was faster
                break
            self._overtaken += 1
        self._waiting.put(text)

    def close(self) -> None:
        """Write what waits, which may take half a second, and end the thread."""
        with self.lock:  # type: ignore[union-attr]  # None only before the constructor has run
            if not self._ended:
                self._ended = True
                self._waiting.put(None)
        self.thread.join(_CLOSE_SECONDS)
        super().close()

    def _run(self) -> None:
        while texts := self._take():
            dropped = self.dropped
            error: Exception | None
            try:
                report = [self._report(dropped - self._reported)] if dropped > self._reported else []
                data = "".join(f"{text}\n" for text in (*report, *texts)).encode(errors="backslashreplace")
                _, error = self._lines.write(data)
            except MemoryError as refusal:
                error = refusal
            if error:  # such as a reader that is gone, or a full disk: reported when it works again
                self._refused += len(texts)
            else:
                self._reported = dropped

    def _take(self) -> list[str]:
        """Wait for messages. None at the end.

        All that wait are taken: with one at a time a burst would be lost, since the thread that logs gives way to this
        one only every few milliseconds.
        """
        texts: list[str] = []
        text = self._waiting.get()
        while text is not None:
            texts.append(text)
            try:
                text = self._waiting.get_nowait()
            except Empty:
                return texts
        if texts:
            self._waiting.put(None)  # to be found by the next call
        return texts

    def _report(self, lost: int) -> str:
        return self._compose(logging.WARNING, f"{lost} log messages were lost: standard error could not be written to")

    def _compose(self, level: int, text: str) -> str:
        """A message about the log itself, in the log's format."""
        return self.format(logging.LogRecord(__name__, level, "", 0, text, None, None))
