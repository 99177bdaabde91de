"""Some of the runs of a wide workflow: those in which all that a property does not speak of goes on in one order.

What a property speaks of, people, events and the whole do whatever they can; of the rest one step moves at a time, the first
in the document that can. So a run that comes far is found among few. Each is a run, so what it shows is so; what is not
found among these may be there all the same.

Below: `explore`, `tries`. Above: the checker's `proving`.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from statewf.checker.words.atoms import WORKFLOW
from statewf.checker.words.question import Question
from statewf.compiler.signals import ESCALATE
from statewf.expr import Expression
from statewf.machine.events import Cancel, Decided, Failed, Fired, Returned
from statewf.machine.explore import Exploration, explore
from statewf.machine.fsm import TIMEOUT, Machine
from statewf.machine.snapshot import Snapshot
from statewf.machine.tries import Try, whose

FEWEST = 500  # configurations that are looked at each time, and for each region
EACH = 3
_KINDS = (  # deep, fails, cancels
    (False, False, False),
    (False, False, True),
    (False, True, False),
    (True, True, False),
    (True, False, True),
)


def narrowly(machine: Machine, asked: Question, most: int) -> Iterator[Exploration]:
    """Runs in which all else goes well; then such as somebody cancels, too, or in which what can fail may.

    Of these first the short ones, then such as come to an end. None has more than so many configurations.
    """
    spoken = frozenset(spoken_of(machine, asked))
    limit = min(FEWEST + EACH * len(machine.regions), most)
    conditions = [asked.condition] if isinstance(asked.condition, Expression) else []
    for deep, fails, cancels in _KINDS:
        among = _OneByOne(machine, spoken, fails=fails, cancels=cancels)
        found = explore(machine, limit, watched=conditions, among=among, deep=deep)
        yield attrs.evolve(found, whole=False)


def spoken_of(machine: Machine, asked: Question) -> Iterator[str]:
    """The regions that a property speaks of: in atoms, and by name in conditions."""
    yield WORKFLOW
    yield from asked.regions
    if isinstance(asked.condition, Expression):
        texts = (text.partition(":")[0] for text in asked.condition.texts)
        names = (str(path[1]) for path in asked.condition.reads if len(path) > 1)
        yield from (name for name in (*texts, *names) if name in machine.numbers)


@attrs.frozen(eq=False)
class _OneByOne:
    """What is tried: whatever concerns what is `spoken` of; of other regions what the first can do that is at work."""

    machine: Machine
    spoken: frozenset[str]
    fails: bool
    cancels: bool

    def regions(self, snapshot: Snapshot) -> frozenset[str]:
        return self.spoken | {self._at_work(snapshot)}

    def __call__(self, snapshot: Snapshot, tried: Try) -> bool:
        if isinstance(tried.event, Cancel):
            return self.cancels
        region = whose(tried.event, snapshot)
        return not region or region in self.spoken or self._goes_on(tried)

    def _at_work(self, snapshot: Snapshot) -> str:
        """The first region, of those that are not spoken of, in which something can go on by itself."""
        flight = snapshot.flight
        regions = {call.region for call in flight.calls.values()} | set(snapshot.book.tasks)
        regions |= {region for region, timer in flight.deadlines if _is_of_use(timer)}
        return min(
            (region for region in regions if region not in self.spoken),
            key=self.machine.numbers.__getitem__,
            default="",
        )

    def _goes_on(self, tried: Try) -> bool:
        match tried.event:
            case Returned(answer=answer):
                return answer is None
            case Decided(decision=decision):
                return decision == "approved" or (self.fails and decision == "rejected")
            case Failed():
                return self.fails
            case Fired(timer=timer):
                return _is_of_use(timer)
            case _:
                return False


def _is_of_use(timer: str) -> bool:
    """Whether something goes on when it comes due, not only if nothing else does."""
    return not timer.startswith((TIMEOUT, ESCALATE))
