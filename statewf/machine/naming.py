"""What local states are called: a table has more of them than people have written states.

    a             a written state, or where a step is
    a.$...        a turn of it: in the table a state of its own, to people `a`
    a.$backoff    the one turn that people do know: the wait between two attempts
    a+b           states that are active side by side

Below: nothing. Above: the compiler, which gives the names, and whoever speaks of a local state.
"""

from __future__ import annotations

TURN = ".$"
BACKOFF = ".$backoff"
SIDE_BY_SIDE = "+"


def base(local: str) -> str:
    """A local state without its turns."""
    return local.partition(TURN)[0]


def waits(local: str) -> bool:
    """Whether it is the wait between two attempts."""
    return local.partition(TURN)[2].partition(TURN)[0] == "backoff"


def waiting(local: str) -> str:
    """The wait between two attempts at a local state."""
    state, turn, rest = local.partition(TURN)
    return f"{state}{BACKOFF}{turn}{rest}"


def tried(local: str) -> str:
    """What a wait is for, or the local state itself."""
    return local.replace(BACKOFF, "", 1) if waits(local) else local


def known(local: str) -> str:
    """A local state as people know it: that it takes turns, or remembers, is no business of theirs."""
    return base(local) + BACKOFF if waits(local) else base(local)


def spelled(local: str) -> str:
    """A local state where people need to tell it from others that are known by the same name: `off (p.h=p.a)`."""
    more = tried(local).partition(TURN)[2]
    return f"{known(local)} ({more})" if more else known(local)


def newly(source: str, target: str) -> tuple[str, ...]:
    """What a step's move enters: where it comes to, unless it only takes a turn there."""
    there = base(target)
    return () if base(source) == there and source != target else (there,)
