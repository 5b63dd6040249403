"""How the C library keeps the memory that was freed."""

import ctypes

_M_TRIM_THRESHOLD = -1  # <malloc.h>
_M_ARENA_MAX = -8

_KEPT_BYTES = 128 << 10
_HEAPS = 1


def give_back_what_is_freed() -> None:
    """Let what a burst took go back to the system. Call it before there are threads.

    By itself glibc keeps more with each large block that is freed, up to 64 MiB, and gives each thread a heap, up to
    eight times the processors. A megabyte of garbage in place of a kernel's file took 31 MiB for good that way, and
    takes 5 so. Where Python runs in one thread at a time, one heap is enough. musl has no such setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_ARENA_MAX, _HEAPS)
