"""Whether a workflow can come to rest before its end: nothing would ever happen to it any more.

What the compiler writes never does; that is not taken for granted here, but looked for among all that was explored. A
state machine comes to rest wherever it waits for an event: that it cannot go on at all is told from its structure.

Below: `search`. Above: the checker's `proving`.
"""

from __future__ import annotations

from collections.abc import Iterator

from statewf.checker.findings import Finding
from statewf.checker.runs.search import Space
from statewf.machine.explore import Move
from statewf.machine.fsm import Machine


def deadlock(machine: Machine, space: Space) -> Iterator[Finding]:
    """The nearest place where a workflow is stuck, if there is one, with a shortest way there."""
    for node, snapshot in enumerate(space.found.snapshots):
        if len(machine.regions) > 1 and space.rests(node) and not (snapshot.book.tasks or snapshot.book.awaiting):
            message = "it can come to rest for ever: no call is open, no timer is set, nobody is asked or awaited"
            yield Finding("deadlock", "error", "$.steps", message, _way(space, node))
            return


def _way(space: Space, node: int) -> tuple[str, ...]:
    """What happens on a shortest way to a node: the first move that leads to each was found on one."""
    came: dict[int, Move] = {}
    for move in (*space.found.initial, *space.found.moves):
        came.setdefault(move.target, move)
    labels: list[str] = []
    while node >= 0:
        labels.append(came[node].label)
        node = came[node].source
    return tuple(reversed(labels))
