"""Classes of the shape that python-statemachine's documentation has."""

# The library leaves some of itself untyped:
# mypy: disable-error-code="no-untyped-call, type-arg, untyped-decorator"
# ruff: noqa: N801  # its states are classes, too

from __future__ import annotations

from enum import Enum
from typing import Any

from statemachine import HistoryState, State, StateChart, StateMachine
from statemachine.contrib.timeout import timeout
from statemachine.states import States


class TrafficLight(StateMachine):
    """A light that goes round."""

    green = State(initial=True)
    yellow = State()
    red = State()

    cycle = green.to(yellow) | yellow.to(red) | red.to(green)
    slowdown = green.to(yellow)


class Order(StateMachine):
    waiting = State("Waiting for payment", initial=True)
    processing = State()
    shipping = State()
    completed = State(final=True)

    add = waiting.to.itself()
    pay = waiting.to(processing, cond="paid_enough") | waiting.to.itself(unless="paid_enough")
    process = processing.to(shipping, cond="address and not (blocked or stopped)", on="pack")
    ship = shipping.to(completed)

    paid_enough = False
    address = False
    blocked = False
    stopped = False

    def pack(self) -> None: ...

    def before_add(self) -> None: ...

    def on_exit_waiting(self) -> None: ...

    def on_enter_state(self) -> None: ...

    def after_ship(self) -> None: ...


class Campaign(StateMachine):
    draft = State(initial=True)
    producing = State()
    closed = State(final=True)
    cancelled = State(final=True)

    add = draft.to(draft) | producing.to(producing)
    produce = draft.to(producing)
    deliver = producing.to(closed)
    cancel = cancelled.from_.any()


class Journey(StateChart):
    class shire(State.Compound):
        bag_end = State(initial=True)
        green_dragon = State()
        visit = bag_end.to(green_dragon)
        home = green_dragon.to(bag_end)

    class road(State.Compound):
        rivendell = State(initial=True)
        moria = State()
        lost = State(final=True)
        on = rivendell.to(moria)
        fall = moria.to(lost)
        past = HistoryState(type="deep")
        past.to(rivendell)

    camp = State()
    end = State(final=True)

    depart = shire.to(road)
    rest = road.to(camp)
    resume = camp.to(road.past)
    done_state_road = road.to(end)


class War(StateChart):
    class war(State.Parallel):
        class quest(State.Compound):
            begun = State(initial=True)
            destroyed = State(final=True)
            destroy = begun.to(destroyed)

        class aragorn(State.Compound):
            ranger = State(initial=True)
            king = State(final=True)
            crown = ranger.to(king, cond="In('destroyed')")


class Waiter(StateChart):
    waiting = State(initial=True, invoke=timeout(2.5, on="expired"))
    late = State(final=True)
    served = State(final=True)

    expired = waiting.to(late)
    serve = waiting.to(served)


class Loader(StateChart):
    loading = State(initial=True, invoke="fetch")
    ready = State(final=True)
    failed = State(final=True)

    done_invoke_loading = loading.to(ready)
    error_execution = loading.to(failed)

    def fetch(self) -> None: ...


class Auto(StateChart):
    idle = State(initial=True)
    checked = State()
    done = State(final=True)

    start = idle.to(checked)
    checked.to(done, cond="ok", on="celebrate")
    checked.to.itself(event="again", internal=True, on="note")

    ok = False

    def celebrate(self) -> None: ...

    def note(self) -> None: ...

    @start.on
    def begin(self) -> None: ...


class Mouse(StateChart):
    near = State(initial=True)
    far = State()
    moved = near.to(far, event="mouse.moved")
    all = far.to(near, event="mouse")
    lost = near.to(near, event="*")


class Status(Enum):
    pending = 1
    shipped = 2


class Enumerated(StateMachine):
    states_by = States.from_enum(Status, initial=Status.pending, final=Status.shipped)
    ship = states_by.pending.to(states_by.shipped)


EXAMPLES: tuple[type[StateChart[Any]], ...] = (
    TrafficLight,
    Order,
    Campaign,
    Journey,
    War,
    Waiter,
    Loader,
    Auto,
    Mouse,
    Enumerated,
)
