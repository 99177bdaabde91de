"""What has certainly settled when a step begins: what its conditions may read.

That is what the step waits for, and what those wait for, and so on; the same of each block around it; and
what lies within all these, but where it may still be ending: the branches of a block that is over as soon as
one decides (`any`, `first`, a quorum), and those of a block that runs out of time where others go on.

Pure geometry, on `plan`, under `check_steps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from statewf.compiler.plan import Plan, Planned, in_turn


class Settling:
    """Answers for one plan; what is asked for first is worked out once for a whole list of siblings."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.behind: dict[int, dict[int, int]] = {}  # by list: for each step whom it waits for, a bit each

    def certain(self, node: Planned, read: Planned) -> bool:
        """Whether `read` has settled whenever `node` begins. Of steps in a cycle, or behind one, nothing is asked."""
        mine, other = apart(node, read)
        if mine is None or other is None:
            return False
        siblings = mine.parent.inner if mine.parent else self.plan.roots
        behind = self._behind(siblings).get(mine.number)
        return behind is None or (bool(behind >> other.number & 1) and not leftover(other, read))

    def _behind(self, siblings: Sequence[Planned]) -> dict[int, int]:
        first = siblings[0].number
        if first not in self.behind:
            found: dict[int, int] = {}
            for node in in_turn(siblings):
                found[node.number] = 0
                for before in node.after:
                    found[node.number] |= found[before.number] | 1 << before.number
            self.behind[first] = found
        return self.behind[first]


def apart(node: Planned, read: Planned) -> tuple[Planned, Planned] | tuple[None, None]:
    """The siblings in which the two lie, or which they are; None where one of them lies within the other."""
    around = {id(outer.parent): outer for outer in lineage(node)}
    for other in lineage(read):
        mine = around.get(id(other.parent))
        if mine is not None:
            return (None, None) if mine is other else (mine, other)
    return None, None


def leftover(block: Planned, inner: Planned) -> bool:
    """Whether `inner`, which lies within the block or is it, may still be ending when others go on behind the block.

    Going down from the block: `goes_on` says whether they do so even if the step at hand failed.
    """
    around = list(lineage(inner))
    goes_on = False
    for node in reversed(around[1 : around.index(block) + 1]):
        asks = node.step.on_error == "human-review"
        goes_on = node.step.on_error != "rollback" and (goes_on or asks or node.tolerant)
        decided_early = node.step.type == "parallel" and node.step.strategy != "all"
        if decided_early or (node.step.timeout is not None and goes_on):
            return True
    return False


def lineage(node: Planned) -> Iterator[Planned]:
    """Itself, the block around it, and so on outward."""
    around: Planned | None = node
    while around is not None:
        yield around
        around = around.parent
