"""A machine as a chain: where an instance may be, what may happen to it there, and what that leads to.

A `Node` is all that decides what can come next, but for the time: a configuration, what is supposed of conditions,
what counts for the price. Its `slots` are what comes next by and by: answers of open calls, timers that are set,
decisions of open tasks, an event. What happens in one of them is a `Way`: the next node, which of its slots were
there before, and which are new and have to be drawn. A condition that no data decide is a `Fork` on the way.

The real `step` says where a way leads, once; whoever comes by again finds it. So thousands of lives cost little
more than one. `crowd` draws lives by chance, `exact` follows all of them at once.

Below: `assumptions`, `step`. Above: `crowd`, `exact`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, TypeAlias

import attrs

from statewf.compiler import Notes
from statewf.expr import Expression
from statewf.forecast.assumptions import UNSAID_CONDITION, Assumptions
from statewf.forecast.slots import Lottery, Slot, Slots, without_jitter
from statewf.machine.effects import Call, OpenTask, Recall, SetTimer
from statewf.machine.events import AnyEvent, Event, Start
from statewf.machine.fsm import Machine
from statewf.machine.lens import conditions, lens
from statewf.machine.record import busy_regions, succeeded
from statewf.machine.snapshot import Move, Snapshot, Step, blank, region_state
from statewf.machine.step import step
from statewf.machine.suppose import Answer as Supposed
from statewf.machine.suppose import Question, Supposer, Suppositions, asking, standing
from statewf.pricing import Usage, counted, is_priced
from statewf.simulator.world import EVENT

MOST_KEPT = 2_000_000  # regions and slots of all nodes that are kept; what is beyond is found anew each time


class Fresh(NamedTuple):
    """A slot of the next node, by its place, that is new there: of its lottery is drawn.

    Without one it is a call that is recalled.
    """

    place: int
    rank: int
    tie: int
    lottery: Lottery | None


@attrs.frozen(eq=False)
class Way:
    """What happens leads to a node. `kept` says for each of its slots which one of before that is; -1: none.

    `fresh` are in the order in which they were asked for. `moves` are what the step did, `asks`: it opened a task.
    """

    target: Node
    kept: tuple[int, ...]
    fresh: tuple[Fresh, ...]
    carried: tuple[tuple[int, int], ...] = attrs.field(
        init=False, repr=False
    )  # the kept ones: where they are, and were
    moves: tuple[Move, ...] = ()
    asks: bool = False

    @carried.default
    def _carried(self) -> tuple[tuple[int, int], ...]:
        return tuple((place, before) for place, before in enumerate(self.kept) if before >= 0)


@attrs.frozen(eq=False)
class Fork:
    """On the way from a node a condition is asked that no data decide.

    `ways` are by the number of its answer, where one was tried. `place` and `event` are what happened, `answers`
    those to what was asked before. `vague`: nothing is said of it.
    """

    node: Node
    place: int
    event: AnyEvent
    answers: tuple[Supposed, ...]
    choices: tuple[Supposed, ...]
    chances: tuple[float, ...]
    vague: bool = False
    sums: tuple[float, ...] = attrs.field(init=False, repr=False)
    ways: dict[int, Branch] = attrs.field(factory=dict, repr=False)

    @sums.default
    def _sums(self) -> tuple[float, ...]:
        """Up to which number each answer is drawn."""
        last = max(number for number, chance in enumerate(self.chances) if chance)
        return tuple(accumulate(self.chances[:last]))


Branch: TypeAlias = Way | Fork


@attrs.frozen(eq=False)
class Node:
    """Where an instance may be.

    `snapshot` is one of those that it stands for, `known` what is supposed of conditions. `dead` are events that
    are in vain there, `busy` the states it is in, or the steps at work, by their names.
    """

    snapshot: Snapshot
    known: Suppositions
    usage: Usage | None
    dead: frozenset[str]
    slots: tuple[Slot, ...]
    busy: tuple[str, ...]
    branches: dict[tuple[int, int], Branch] = attrs.field(factory=dict, repr=False)
    vague: bool = attrs.field(init=False, repr=False)  # whether nothing is said of something that happens there

    @vague.default
    def _vague(self) -> bool:
        return any(slot.vague for slot in self.slots)

    @property
    def ended(self) -> bool:
        """Whether the instance has ended there."""
        return bool(self.snapshot.ended)


class Chain:
    """The chain of a machine under some assumptions, in the making: `start` is where all lives begin.

    `priced`: nodes also differ in what counts for the price.
    """

    def __init__(self, machine: Machine, assumptions: Assumptions, *, priced: bool = True) -> None:
        assert isinstance(machine.notes, Notes), "a machine that no compiler made"
        guards = conditions(machine)
        said = dict(_positive(condition, chance) for condition, chance in assumptions.conditions.items())
        whole = {guard: _as_in(guard, said) for guard in guards if guard.positive[0] in said}
        self.machine = machine
        self.priced = priced and is_priced(machine)
        self.notes = machine.notes
        self.assumptions = assumptions
        self._chances = {**said, **whole}
        self._supposer = Supposer(whole=whole)
        asked = asking(machine, self._supposer.holds, Expression.partly)
        self._machine = without_jitter(attrs.evolve(asked, context=machine.context))
        self._slots = Slots(machine, assumptions)
        self._lens = lens(machine, brought=True)
        self._nodes: dict[Hashable, Node] = {}
        self._room = MOST_KEPT
        usage = Usage(machine, assumptions.volume) if self.priced else None
        self.before = Node(blank(self._machine, "any"), {}, usage, frozenset(), (), ())
        self.start = self._tried(self.before, -1, Start(assumptions.inputs), ())

    def __len__(self) -> int:
        """How many nodes were found."""
        return len(self._nodes)

    @property
    def unsaid(self) -> tuple[str, ...]:
        """Of whom something depended by now and nothing is assumed: `handlers.charge`, `conditions.inputs.total > 9`."""
        return tuple(self._slots.unsaid)

    # --- going along

    def branch(self, node: Node, place: int, outcome: int) -> Branch:
        """What comes of that outcome of the slot at that place."""
        found = node.branches.get((place, outcome))
        if found is None:
            found = self._tried(node, place, node.slots[place].event(outcome), ())
            if self._room > 0:
                node.branches[place, outcome] = found
        return found

    def answered(self, fork: Fork, number: int) -> Branch:
        """What comes of the answer of that number."""
        found = fork.ways.get(number)
        if found is None:
            found = self._tried(fork.node, fork.place, fork.event, (*fork.answers, fork.choices[number]))
            if self._room > 0:
                fork.ways[number] = found
        return found

    def at(self, snapshot: Snapshot) -> tuple[Node, tuple[Slot, ...]]:
        """The node of an instance that is there, of whose conditions nothing is supposed by now, and its own slots, in the same order."""
        slots = self._slots.of(snapshot, frozenset())
        return self._node(snapshot, {}, None, frozenset(), slots), slots

    # --- finding out

    def _tried(self, node: Node, place: int, event: AnyEvent, answers: tuple[Supposed, ...]) -> Branch:
        """What comes of an event, if what is asked first is answered so, and forks where more is asked."""
        self._supposer.along(node.known, answers)
        made = step(self._machine, node.snapshot, event)
        questions, given = tuple(self._supposer.questions), tuple(self._supposer.answers)
        branch: Branch = (
            self._way(node, place, made) if isinstance(made, Step) else self._refused(node, place, event)
        )
        for number in reversed(range(len(answers), len(questions))):
            choices = questions[number].choices
            vague = self._is_vague(questions[number])
            fork = Fork(node, place, event, given[:number], choices, self._odds(questions[number]), vague)
            fork.ways[choices.index(given[number])] = branch
            branch = fork
        return branch

    def _is_vague(self, question: Question) -> bool:
        """Whether nothing is said of what is asked."""
        if len(question.choices) == 1 or question.part in self._chances:
            return False
        self._slots.unsaid[f"conditions.{question.part.text}"] = None
        return True

    def _odds(self, question: Question) -> tuple[float, ...]:
        """The chances of each answer; that there is none has no chance."""
        if len(question.choices) == 1:
            return (1.0,)
        chance = self._chances.get(question.part, UNSAID_CONDITION)
        return (chance, 1 - chance, 0.0)[: len(question.choices)]

    def _way(self, node: Node, place: int, made: Step) -> Way:
        """The way of a step."""
        after = made.after
        usage = node.usage
        if usage is not None:
            usage = usage.fork()
            usage.read(made)
        known = standing(self._supposer.known, after, many=len(self.machine.regions) > 1)
        dead = frozenset[str]()
        if isinstance(made.event, Event) and made.disposition != "accepted":
            dead = node.dead | {made.event.name}  # it came to nothing, and would so again
        slots = self._slots.of(after, dead)
        target = self._node(after, known, usage, dead, slots)
        delays = {("timer", e.region, e.timer): e.at - after.at for e in made.effects if isinstance(e, SetTimer)}
        moved = {
            ("event", move.region, name) for move in made.moves if move.entered for name in ("", *move.entered)
        }
        old = {slot.ident: number for number, slot in enumerate(node.slots) if number != place}
        kept: list[int] = []
        fresh: list[tuple[int, Fresh]] = []
        turns = _turns(made)
        last = len(turns)
        for at, slot in enumerate(slots):
            before = old.get(slot.ident, -1)
            changed = (
                before >= 0 and slot.rank == EVENT and slot.lottery is not node.slots[before].lottery
            )  # others are accepted now
            if before < 0 or slot.ident in delays or slot.ident in moved or changed:
                lottery = (
                    slot.lottery if slot.ident not in delays else self._slots.due(slot.ident, delays[slot.ident])
                )
                fresh.append((turns.get(slot.ident, last), Fresh(at, slot.rank, slot.tie, lottery)))
                before = -1
            kept.append(before)
            if ("recall", slot.ident) in turns:
                fresh.append((turns["recall", slot.ident], Fresh(at, slot.rank, slot.tie, None)))
        fresh.sort(key=itemgetter(0))
        asks = any(isinstance(effect, OpenTask) for effect in made.effects)
        return Way(target, tuple(kept), tuple(one for _, one in fresh), made.moves, asks)

    def _refused(self, node: Node, place: int, event: AnyEvent) -> Way:
        """The way of what is refused.

        An event that is refused for sure is not sent there any more; another may come again.
        """
        dead, known = node.dead, node.known
        if isinstance(event, Event):
            if self._supposer.asked:
                known = standing(self._supposer.known, node.snapshot, many=len(self.machine.regions) > 1)
            else:
                dead = dead | {event.name}
        slots = self._slots.of(node.snapshot, dead)
        target = self._node(node.snapshot, known, node.usage, dead, slots)
        again = node.slots[place].ident if isinstance(event, Event) else None
        old = {slot.ident: number for number, slot in enumerate(node.slots) if number != place}
        kept = tuple(old.get(slot.ident, -1) for slot in slots)
        fresh = tuple(
            Fresh(at, slot.rank, slot.tie, slot.lottery) for at, slot in enumerate(slots) if slot.ident == again
        )
        return Way(target, kept, fresh)

    def _node(
        self,
        snapshot: Snapshot,
        known: Suppositions,
        usage: Usage | None,
        dead: frozenset[str],
        slots: tuple[Slot, ...],
    ) -> Node:
        """The node of a snapshot, old or new."""
        key = (
            self._lens.configuration(snapshot),
            tuple(slot.sort for slot in slots),
            frozenset((part, supposed.answer) for part, supposed in known.items()),
            counted(usage) if usage is not None else None,
            dead,
            snapshot.ended and succeeded(snapshot),
        )
        node = self._nodes.get(key)
        if node is None:
            node = Node(snapshot, known, usage, dead, slots, self._busy(snapshot))
            if self._room > 0:
                self._room -= len(self.machine.regions) + len(slots)
                self._nodes[key] = node
        return node

    def _busy(self, snapshot: Snapshot) -> tuple[str, ...]:
        if snapshot.ended:
            return ()
        if len(self.machine.regions) > 1:
            return busy_regions(self.machine, snapshot)
        return self.notes.shown(region_state(snapshot.regions, 0)[0])


def _positive(condition: Expression, chance: float) -> tuple[Expression, float]:
    """A condition without negations, and its chance."""
    plain, same = condition.positive
    return plain, chance if same else 1 - chance


def _as_in(guard: Expression, said: Mapping[Expression, float]) -> float:
    """The chance of a guard of which something is said, or of its contrary."""
    plain, same = guard.positive
    return said[plain] if same else 1 - said[plain]


def _turns(made: Step) -> dict[Hashable, int]:
    """Whose turn it is, of the calls, tasks and recalls of a step: they were asked for in that order."""
    idents: dict[Hashable, None] = {}
    for effect in made.effects:
        match effect:
            case Call(id=call):
                idents["call", call] = None
            case OpenTask(task):
                idents["task", task.id] = None
            case Recall(call, awaited=True):
                idents["recall", ("call", call)] = None
            case _:
                pass
    return {ident: number for number, ident in enumerate(idents)}
