"""Where a state machine can be: one local state of the table for each combination that behaves in its own way.

A *place* is the leaves that are active, whether the only one waits for its next attempt, what histories remember
that may still be asked, and the events of its own that the machine has yet to take. A place with such events is
gone through and never rested in.

Below: `tree`. Above: `states`, which writes a row for each.
"""

from __future__ import annotations

from typing import NamedTuple

from statewf.compiler.tree import Node
from statewf.machine.naming import BACKOFF, SIDE_BY_SIDE, TURN


class Place(NamedTuple):
    """One local state in the making."""

    leaves: tuple[Node, ...]  # in document order
    waiting: bool = False
    memory: tuple[tuple[Node, tuple[Node, ...]], ...] = ()  # by history, in document order
    queue: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the table calls it: as its leaves, and where that is not enough, what else there is to it."""
        leaves = SIDE_BY_SIDE.join(leaf.name for leaf in self.leaves) + (BACKOFF if self.waiting else "")
        kept = [
            f"{history.name}={SIDE_BY_SIDE.join(node.name for node in nodes)}" for history, nodes in self.memory
        ]
        more = [*kept, *(f"then {event}" for event in self.queue)]
        return f"{leaves}{TURN}{', '.join(more)}" if more else leaves

    @property
    def rests(self) -> bool:
        """Whether one can be there: no event of its own is left to take."""
        return not self.queue

    @property
    def terminal(self) -> Node | None:
        """The leaf that ends it all, if there is one."""
        return next((leaf for leaf in self.leaves if leaf.state.terminal), None)
