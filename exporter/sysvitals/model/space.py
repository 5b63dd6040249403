"""How full a filesystem is: one formula, that of df, for readings, rules and the verdict."""


def used_ratio(size: float | None, free: float | None, available: float | None) -> float | None:
    """Return the used part of what users other than root may fill, from 0 to 1.

    All three are in bytes. `free` holds root's reserve and `available` does not: a filesystem is full when users can
    write no more, and an empty one is empty, however much is reserved. None where one of them is not known, or where
    there is no room for users at all.
    """
    if size is None or free is None or available is None:
        return None
    used = size - free
    within_reach = used + available
    return used / within_reach if within_reach else None
