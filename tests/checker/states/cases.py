"""For every rule, machines that break it alone, and beside each a near miss in which nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from statewf import Assign, Function, Invoke, Raise, Retry, State, StateMachine, Transition

DONE = State(terminal=True)
LOOP = Transition(actions=Assign({"n": "context.n + 1"}))

FINISHED = State(
    states={"x": State(timeout="1s", timeout_transition="y"), "y": State(final=True)},
    initial="x",
    timeout="1h",
    timeout_transition="done",
)
OWN = Transition(actions=Raise("R"))


def waits(on: Mapping[str, Any] | None = None, to: str = "done", **more: Any) -> State:
    """A state that a timeout of an hour ends, if nothing else does."""
    return State(on or {}, timeout="1h", timeout_transition=to, **more)


def machine(**states: State) -> StateMachine:
    """A machine that starts in the first of these states."""
    return StateMachine("case", next(iter(states)), states)


def around(inner: State, **more: Any) -> State:
    """A compound state with this one state in it."""
    return State(states={"inner": inner}, initial="inner", **more)


@attrs.frozen
class Case:
    """`broken` breaks `rule` at `where` and no other; `mended` breaks none."""

    name: str
    rule: str
    where: str
    broken: StateMachine
    mended: StateMachine


ERRORS = (
    Case(
        "nothing leads there",
        "unreachable-state",
        "$.states.lost",
        machine(a=waits(), lost=waits(), done=DONE),
        machine(a=waits({"LOSE": "lost"}), lost=waits(), done=DONE),
    ),
    Case(
        "a terminal state",
        "unreachable-state",
        "$.states.other",
        machine(a=waits(), done=DONE, other=DONE),
        machine(a=waits({"E": "other"}), done=DONE, other=DONE),
    ),
    Case(
        "only it leads to itself",
        "unreachable-state",
        "$.states.lost",
        machine(a=waits(), lost=waits({"E": "lost"}), done=DONE),
        machine(a=waits({"E": "lost"}), lost=waits(), done=DONE),
    ),
    Case(
        "a ring that nothing leads to",
        "unreachable-state",
        "$.states.b",
        machine(a=waits(), b=waits(to="c"), c=waits(to="b"), done=DONE),
        machine(a=waits({"E": "b"}), b=waits(to="c"), c=waits(), done=DONE),
    ),
    Case(
        "what lies behind it is not told again",
        "unreachable-state",
        "$.states.b",
        machine(a=waits(), c=waits(), b=waits({"E": "c"}), done=DONE),
        machine(a=waits({"E": "b"}), c=waits(), b=waits({"E": "c"}), done=DONE),
    ),
    Case(
        "a compound state is told whole",
        "unreachable-state",
        "$.states.p",
        machine(a=waits(), p=State(states={"x": waits(to="y"), "y": waits()}, initial="x"), done=DONE),
        machine(a=waits({"E": "p"}), p=State(states={"x": waits(to="y"), "y": waits()}, initial="x"), done=DONE),
    ),
    Case(
        "one inner state",
        "unreachable-state",
        "$.states.p.states.y",
        machine(p=State(states={"x": waits(), "y": waits()}, initial="x"), done=DONE),
        machine(p=State(states={"x": waits({"E": "y"}), "y": waits()}, initial="x"), done=DONE),
    ),
    Case(
        "no way out",
        "dead-end",
        "$.states.b",
        machine(a=waits({"E": "b"}), b=State(), done=DONE),
        machine(a=waits({"E": "b"}), b=waits(), done=DONE),
    ),
    Case(
        "only to itself",
        "dead-end",
        "$.states.b",
        machine(a=waits({"E": "b"}), b=waits({"E": "b", "F": LOOP}, to="b"), done=DONE),
        machine(a=waits({"E": "b"}), b=waits({"F": LOOP}), done=DONE),
    ),
    Case(
        "only to its own next attempt",
        "dead-end",
        "$.states.b",
        machine(a=waits({"E": "b"}), b=State(retry=Retry(3, "F", base_delay=10)), done=DONE),
        machine(a=waits({"E": "b"}), b=waits(retry=Retry(3, "F", base_delay=10)), done=DONE),
    ),
    Case(
        "the way out of the state around is one",
        "dead-end",
        "$.states.p.states.inner",
        machine(a=waits({"E": "p"}), p=around(State()), done=DONE),
        machine(a=waits({"E": "p"}), p=around(State(), timeout=9, timeout_transition="done"), done=DONE),
    ),
    Case(
        "two that lead to each other",
        "no-way-to-terminal",
        "$.states.b",
        machine(a=waits({"E": "b"}), b=waits(to="c"), c=waits(to="b"), done=DONE),
        machine(a=waits({"E": "b"}), b=waits(to="c"), c=waits(), done=DONE),
    ),
    Case(
        "no terminal state at all",
        "no-way-to-terminal",
        "$.states",
        machine(a=waits(to="b"), b=waits(to="a")),
        machine(a=waits(to="b"), b=DONE),
    ),
    Case(
        "two always",
        "endless-always",
        "$.states.b.always",
        machine(a=waits({"E": "b"}), b=State(always="c"), c=State(always="b"), done=DONE),
        machine(a=waits({"E": "b"}), b=State(always="c"), c=State(always="done"), done=DONE),
    ),
    Case(
        "one that stays",
        "endless-always",
        "$.states.a.always",
        machine(a=State({"E": "done"}, always=LOOP), done=DONE),
        machine(
            a=waits(always=Transition(guard="context.n < 3", actions=Assign({"n": "context.n + 1"}))), done=DONE
        ),
    ),
    Case(
        "a guard that always holds is none",
        "endless-always",
        "$.states.a.always",
        machine(a=State({"E": "done"}, always=Transition("b", guard="1 < 2")), b=State(always="a"), done=DONE),
        machine(
            a=waits(always=Transition("b", guard="context.n < 2")),
            b=State(always=[Transition("done", guard="context.m"), "done2"]),
            done=DONE,
            done2=DONE,
        ),
    ),
    Case(
        "an event that raises itself",
        "endless-raise",
        "$.states.a.on.R",
        machine(a=waits({"E": OWN, "R": OWN}), done=DONE),
        machine(a=waits({"E": OWN, "R": Transition(guard="context.n < 3", actions=Raise("R"))}), done=DONE),
    ),
    Case(
        "two that raise each other by entering",
        "endless-raise",
        "$.states.b.on.R",
        machine(a=waits({"E": "b"}), b=State({"R": "c"}, on_entry=Raise("R")), c=State(always="b"), done=DONE),
        machine(a=waits({"E": "b"}), b=State({"R": "c"}, on_entry=Raise("R")), c=waits(), done=DONE),
    ),
)

ASKS = Function("ask")
WARNINGS = (
    Case(
        "an own event that comes later and changes nothing",
        "waits-forever",
        "$.states.a",
        machine(a=State({"R": Transition(), "E": "done"}, on_entry=Raise("R", "1s")), done=DONE),
        machine(a=State({"R": "done", "E": "done"}, on_entry=Raise("R", "1s")), done=DONE),
    ),
    Case(
        "an event with another name",
        "raised-in-vain",
        "$.states.a.on.E",
        machine(a=waits({"E": Transition(actions=Raise("r")), "R": "done"}), done=DONE),
        machine(a=waits({"E": Transition(actions=Raise("r.x")), "r.*": "done"}), done=DONE),
    ),
    Case(
        "an event for another attempt is taken",
        "raised-in-vain",
        "$.states.a.onEntry",
        machine(a=waits(on_entry=Raise("R"), retry=Retry(2, "E")), done=DONE),
        machine(a=waits({"E": Transition(actions=Raise("R"))}, retry=Retry(2, "R")), done=DONE),
    ),
    Case(
        "nothing in it is final",
        "never-finished",
        "$.states.p.onDone",
        machine(p=around(waits(), on_done="done"), done=DONE),
        machine(p=attrs.evolve(FINISHED, on_done="done"), done=DONE),
    ),
    Case(
        "a name that is not whole",
        "never-finished",
        "$.states.p.on['done.state.q']",
        machine(p=State({"done.state.q": "done"}, states={"q": FINISHED}, initial="q"), done=DONE),
        machine(p=State({"done.state.p.q": "done"}, states={"q": FINISHED}, initial="q"), done=DONE),
    ),
    Case(
        "only an event ends it",
        "waits-forever",
        "$.states.a",
        machine(a=State({"E": "done"}), done=DONE),
        machine(a=waits({"E": "done"}), done=DONE),
    ),
    Case(
        "a timeout of the state around",
        "waits-forever",
        "$.states.p.states.inner",
        machine(p=around(State({"E": "done"})), done=DONE),
        machine(p=around(State({"E": "done"}), timeout=9, timeout_transition="done"), done=DONE),
    ),
    Case(
        "a handler that answers",
        "waits-forever",
        "$.states.a",
        machine(a=State({"E": "done"}), done=DONE),
        machine(a=State({"E": "done"}, invoke=Invoke("ask")), done=DONE),
    ),
    Case(
        "the call of the state around",
        "waits-forever",
        "$.states.p.states.inner",
        machine(p=around(State({"E": "done"})), done=DONE),
        machine(p=around(State({"E": "done"}), invoke=Invoke("ask", on_done="done")), done=DONE),
    ),
    Case(
        "an action on entry may answer, one on exit not",
        "waits-forever",
        "$.states.a",
        machine(a=State({"E": "done"}, on_exit=ASKS), done=DONE),
        machine(a=State({"E": "done"}, on_entry=ASKS), done=DONE),
    ),
    Case(
        "an action on one way in does not help on the other",
        "waits-forever",
        "$.states.b",
        machine(a=waits({"E": Transition("b", actions=ASKS)}, to="b"), b=State({"F": "done"}), done=DONE),
        machine(a=waits({"E": Transition("b", actions=ASKS)}), b=State({"F": "done"}), done=DONE),
    ),
    Case(
        "a guarded always may not hold",
        "waits-forever",
        "$.states.a",
        machine(a=State(always=Transition("done", guard="context.x")), done=DONE),
        machine(a=State(always=[Transition("done", guard="context.x"), "other"]), done=DONE, other=DONE),
    ),
    Case(
        "the wait between attempts has a timer, the attempts have not",
        "waits-forever",
        "$.states.a",
        machine(a=State({"E": "done"}, retry=Retry(3, "E", base_delay=5)), done=DONE),
        machine(a=waits({"E": "done"}, retry=Retry(3, "E", base_delay=5)), done=DONE),
    ),
    Case(
        "back and forth",
        "unbounded-cycle",
        "$.states.a",
        machine(a=waits({"E": "b"}), b=waits({"F": "a"}), done=DONE),
        machine(a=waits({"E": "b"}), b=waits({"F": "done"}), done=DONE),
    ),
    Case(
        "to itself, without a counter",
        "unbounded-cycle",
        "$.states.a",
        machine(a=waits({"E": "a"}), done=DONE),
        machine(a=waits({"E": "done"}, retry=Retry(3, "E")), done=DONE),
    ),
    Case(
        "attempts with a wait are bounded, leaving the wait for the state itself is not",
        "unbounded-cycle",
        "$.states.a",
        machine(a=waits({"AGAIN": "a"}, retry=Retry(3, "E", base_delay=5)), done=DONE),
        machine(a=waits(retry=Retry(3, ["E", "AGAIN"], base_delay=5)), done=DONE),
    ),
    Case(
        "a state around is no bound, its timeout is",
        "unbounded-cycle",
        "$.states.p.states.x",
        machine(p=State(states={"x": waits({"E": "y"}), "y": waits({"E": "x"})}, initial="x"), done=DONE),
        machine(
            p=State(
                states={"x": waits({"E": "y"}), "y": waits({"E": "x"})},
                initial="x",
                timeout="2h",
                timeout_transition="done",
            ),
            done=DONE,
        ),
    ),
    Case(
        "a timeout around bounds it, if it runs on",
        "unbounded-cycle",
        "$.states.p.states.x",
        machine(
            p=State(
                {"RESET": "p"},
                states={"x": State({"E": "y"}), "y": State({"E": "x"})},
                initial="x",
                timeout=9,
                timeout_transition="done",
            ),
            done=DONE,
        ),
        machine(
            p=State(
                states={"x": State({"E": "y"}), "y": State({"E": "x"})},
                initial="x",
                timeout=9,
                timeout_transition="done",
            ),
            done=DONE,
        ),
    ),
    Case(
        "after one without a guard",
        "shadowed-transition",
        "$.states.a.on.E[1]",
        machine(a=waits({"E": ["done", Transition("done", guard="context.x")]}), done=DONE),
        machine(a=waits({"E": [Transition("done", guard="context.x"), "done"]}), done=DONE),
    ),
    Case(
        "after a guard that always holds",
        "shadowed-transition",
        "$.states.a.on.E[1]",
        machine(a=waits({"E": [Transition("done", guard="!false"), "done"]}), done=DONE),
        machine(a=waits({"E": [Transition("done", guard="!context.x"), "done"]}), done=DONE),
    ),
    Case(
        "what only it leads to is no error of its own",
        "shadowed-transition",
        "$.states.a.on.E[1]",
        machine(a=waits({"E": ["done", "b"]}), b=State({"ONLY_HERE": "c"}), c=State(always="done"), done=DONE),
        machine(a=waits({"E": [Transition("done", guard="context.x"), "b"]}), b=waits(), done=DONE),
    ),
    Case(
        "the parent's, if every child has its own",
        "shadowed-transition",
        "$.states.p.on.E",
        machine(
            p=State({"E": "done"}, states={"x": waits({"E": "y"}), "y": waits({"E": "done"})}, initial="x"),
            done=DONE,
        ),
        machine(
            p=State({"E": "done"}, states={"x": waits({"E": "y"}), "y": waits()}, initial="x"),
            done=DONE,
        ),
    ),
    Case(
        "after a retry that has attempts left, only until the last",
        "shadowed-transition",
        "$.states.a.on.E[1]",
        machine(a=waits({"E": ["done", "done"]}, retry=Retry(3, "E")), done=DONE),
        machine(a=waits({"E": "done"}, retry=Retry(3, "E")), done=DONE),
    ),
    Case(
        "behind an always that leads on, while another state accepts the event",
        "shadowed-transition",
        "$.states.b.on.E",
        machine(a=waits({"E": "b"}), b=State({"E": "done"}, always="done"), done=DONE),
        machine(
            a=waits({"E": "b"}), b=waits({"E": "done"}, always=Transition("done", guard="context.x")), done=DONE
        ),
    ),
    Case(
        "a second always",
        "shadowed-transition",
        "$.states.a.always[1]",
        machine(a=State(always=["done", "done"]), done=DONE),
        machine(a=State(always=[Transition("done", guard="context.x"), "done"]), done=DONE),
    ),
    Case(
        "an answer",
        "shadowed-transition",
        "$.states.a.invoke.onDone[1]",
        machine(a=State(invoke=Invoke("ask", on_done=["done", "done"], on_error="done")), done=DONE),
        machine(
            a=State(invoke=Invoke("ask", on_done=[Transition("done", guard="event.data.ok"), "done"])), done=DONE
        ),
    ),
    Case(
        "it never holds",
        "shadowed-guard",
        "$.states.a.on.E.guard",
        machine(a=waits({"E": Transition("done", guard="1 > 2")}), done=DONE),
        machine(a=waits({"E": Transition("done", guard="attempt > 2")}), done=DONE),
    ),
    Case(
        "it faults",
        "shadowed-guard",
        "$.states.a.on.E.guard",
        machine(a=waits({"E": Transition("done", guard="1 % 0")}), done=DONE),
        machine(a=waits({"E": Transition("done", guard="1 % context.n")}), done=DONE),
    ),
    Case(
        "a state behind it is no error",
        "shadowed-guard",
        "$.states.a.on.E.guard",
        machine(a=waits({"E": Transition("b", guard="false")}), b=waits(), done=DONE),
        machine(a=waits({"E": Transition("b", guard="context.x")}), b=waits(), done=DONE),
    ),
    Case(
        "the same again",
        "shadowed-guard",
        "$.states.a.on.E[1].guard",
        machine(
            a=waits({"E": [Transition("done", guard="context.x"), Transition("done", guard="context.x")]}),
            done=DONE,
        ),
        machine(
            a=waits(
                {
                    "E": [Transition("done", guard="context.x"), Transition("done", guard="context.y")],
                    "F": Transition("done", guard="context.x"),
                }
            ),
            done=DONE,
        ),
    ),
    Case(
        "no run waits where it is named",
        "event-never-accepted",
        "$.states.b.on.F",
        machine(a=waits({"E": "b"}), b=State({"F": "done"}, always="done"), done=DONE),
        machine(a=waits({"E": "b"}), b=waits({"F": "done"}), done=DONE),
    ),
    Case(
        "in the state around terminal ones",
        "event-never-accepted",
        "$.states.p.on.F",
        machine(a=waits(to="p"), p=around(DONE, on={"F": "a"})),
        machine(a=waits(to="p"), p=State({"F": "p.y"}, states={"x": waits(to="y"), "y": DONE}, initial="x")),
    ),
    Case(
        "its state is left at once",
        "dead-timeout",
        "$.states.a.timeout",
        machine(a=waits(always="done"), done=DONE),
        machine(a=waits(always=Transition("done", guard="context.x")), done=DONE),
    ),
    Case(
        "the state around ends at the same time",
        "dead-timeout",
        "$.states.p.states.inner.timeout",
        machine(p=around(waits(), timeout="1h", timeout_transition="done"), done=DONE),
        machine(p=around(waits(), timeout=3_600_001, timeout_transition="done"), done=DONE),
    ),
    Case(
        "two states around",
        "dead-timeout",
        "$.states.p.states.inner.states.inner.timeout",
        machine(p=around(around(waits()), timeout="1m", timeout_transition="done"), done=DONE),
        machine(p=around(around(waits()), timeout="2h", timeout_transition="done"), done=DONE),
    ),
    Case(
        "three waits of 10, 20 and 25",
        "retry-never-fits",
        "$.states.p.states.inner.retry",
        machine(
            p=around(
                State(retry=Retry(4, "E", base_delay=10, max_delay=25)), timeout=55, timeout_transition="done"
            ),
            done=DONE,
        ),
        machine(
            p=around(
                State(retry=Retry(4, "E", base_delay=10, max_delay=25)), timeout=56, timeout_transition="done"
            ),
            done=DONE,
        ),
    ),
    Case(
        "with full jitter a wait may take no time",
        "retry-never-fits",
        "$.states.p.states.inner.retry",
        machine(
            p=around(
                State(retry=Retry(2, "E", backoff="constant", base_delay=10)), timeout=10, timeout_transition="done"
            ),
            done=DONE,
        ),
        machine(
            p=around(
                State(retry=Retry(2, "E", backoff="constant", base_delay=10, jitter="full")),
                timeout=10,
                timeout_transition="done",
            ),
            done=DONE,
        ),
    ),
    Case(
        "one attempt",
        "unused-retry",
        "$.states.a.retry",
        machine(a=waits({"E": "done"}, retry=Retry(1, "E")), done=DONE),
        machine(a=waits({"E": "done"}, retry=Retry(2, "E")), done=DONE),
    ),
    Case(
        "a state that is left at once",
        "unused-retry",
        "$.states.a.retry",
        machine(a=State(always="done", retry=Retry(3, "E")), done=DONE),
        machine(a=waits(always=Transition("done", guard="context.x"), retry=Retry(3, "E")), done=DONE),
    ),
)

CASES = ERRORS + WARNINGS
