"""A playbook: a test that reads as a script of what happens (`>>`) and what comes of it (`<<`), in virtual time.

    from statewf.testing.playbook import Called, Emitted, InState, Refused, Reply, Send, Wait, playbook

    def test_who_pays_is_charged_once():
        assert (
            playbook(machine, {"order": 7})
            << InState("open")
            >> Send("SHIP")
            << Refused("unexpected")
            >> Send("PAY", {"sum": 30})
            << Called("charge")
            >> Reply({"receipt": 1})
            << Emitted("Order.paid", {"order": 7})
            << InState("paid")
        )

What the machine asks for must be told: every call of a handler, in its order, and every refusal, before the next
thing happens; `assert` looks at the end for those. Emitted events and tasks are told if one wishes. The failure tells
the script so far, what was expected, and what came.

It moves a `Driver`: calls of `handlers` are made at once, function actions without one succeed. Below: `simulator`.
Above: tests. Needs neither hypothesis nor pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Self, TypeAlias, TypeVar, assert_never

import attrs

from statewf.definition.model import Definition
from statewf.errors import EventRejected, StatewfError
from statewf.machine.effects import Call, Emit, OpenTask, Task
from statewf.machine.fsm import Machine
from statewf.machine.naming import base
from statewf.simulator import Driver
from statewf.simulator.driver import Handler
from statewf.simulator.expect import same
from statewf.values.canonical import compact
from statewf.values.duration import milliseconds
from statewf.values.frozen import freeze, thaw

T = TypeVar("T")
Wrong: TypeAlias = tuple[str, str]  # what was expected, what came

# --- what happens


@attrs.frozen
class Send:
    """Somebody sends an event."""

    event: str
    data: object = None
    key: str | None = None


@attrs.frozen
class Reply:
    """The open call (of that handler) returns: a JSON value, or a `wf.Event`."""

    result: object = None
    handler: str | None = None


@attrs.frozen
class Fail:
    """The open call (of that handler) fails, with an error of that name."""

    error: str = "Error"
    message: str = ""
    handler: str | None = None
    retryable: bool = True


@attrs.frozen
class Decide:
    """Somebody decides the open task of a step."""

    step: str
    decision: str = "approved"
    by: str | None = None
    comments: str | None = None
    result: object = None


@attrs.frozen
class Wait:
    """Time passes: milliseconds, a text such as `30s`, or a timedelta. Timers on the way fire, those at its end too."""

    time: int | str | timedelta


@attrs.frozen
class Cancel:
    """Somebody cancels it; `now`: without undoing anything."""

    now: bool = False


Happening: TypeAlias = Send | Reply | Fail | Decide | Wait | Cancel

# --- what comes of it


@attrs.frozen
class InState:
    """It is in that state; with `step`, that step of the workflow is."""

    state: str
    step: str | None = None


@attrs.frozen
class Called:
    """The next call is of that handler, with these parameters if they are given."""

    handler: str
    params: Mapping[str, Any] | None = None


@attrs.frozen
class Emitted:
    """That event was emitted since the last `>>`, with these data if they are given."""

    event: str
    data: object = None


@attrs.frozen
class Asked:
    """A task of that step was opened since the last `>>`, for whom if that is given."""

    step: str
    assigned_to: object = None


@attrs.frozen
class Refused:
    """What happened was refused, and nothing changed; the reasons are those of `EventRejected`."""

    reason: str | None = None


@attrs.frozen
class Knows:
    """Its context has these values, among others."""

    context: Mapping[str, Any]


@attrs.frozen
class Found:
    """Its steps found these results, among others."""

    results: Mapping[str, Any]


Expectation: TypeAlias = InState | Called | Emitted | Asked | Refused | Knows | Found


def playbook(
    machine: Machine | Definition, inputs: object = None, *, handlers: Mapping[str, Handler] | None = None
) -> Playbook:
    """The script of one instance, which is started. Raises what `Driver` raises."""
    return Playbook(Driver(machine, inputs, handlers=handlers), inputs)


class Playbook:
    """A script in the writing, and the instance that it moves. `driver` is there for what no word says."""

    def __init__(self, driver: Driver, inputs: object = None) -> None:
        self.driver = driver
        self._lines = [f"   playbook({driver.machine.name}, {_shown(inputs or {})})"]
        self._read = 0  # steps of which is known what came
        self._came = _Came()
        self._collect()

    def __rshift__(self, happening: Happening) -> Self:
        """This happens. Raises AssertionError when what came before was not told, or when this cannot happen."""
        __tracebackhide__ = True
        self._look()
        self._lines.append(f">> {_word(happening)}")
        self._came = _Came()
        try:
            _play(self.driver, happening)
        except EventRejected as refused:
            self._came.refused = refused
        except StatewfError as error:
            self._fail(("something that can happen", str(error)))
        self._collect()
        self._lines[-1] += f"  # {self.driver.state}"
        return self

    def __lshift__(self, expectation: Expectation) -> Self:
        """This came of it. Raises AssertionError when it did not."""
        __tracebackhide__ = True
        self._lines.append(f"<< {_word(expectation)}")
        self._fail(_wrong(expectation, self.driver, self._came))
        return self

    def __bool__(self) -> bool:
        """Whether all was told. Raises AssertionError if not."""
        __tracebackhide__ = True
        self._look()
        return True

    def _collect(self) -> None:
        steps = self.driver.history[self._read :]
        self._read += len(steps)
        for effect in (effect for step in steps for effect in step.effects):
            match effect:
                case Call():
                    self._came.calls.append(effect)
                case Emit():
                    self._came.emitted.append(effect)
                case OpenTask(task):
                    self._came.tasks.append(task)
                case _:
                    pass

    def _look(self) -> None:
        __tracebackhide__ = True
        came = self._came
        if came.refused is not None:
            self._fail(("that it is not refused, or << Refused()", str(came.refused)))
        if came.calls:
            self._fail(("no more calls, or << Called(...)", _call(came.calls[0])))

    def _fail(self, wrong: Wrong | None) -> None:
        __tracebackhide__ = True
        if wrong is not None:
            expected, got = wrong
            told = [
                "the script does not go on as written:",
                *self._lines,
                f"expected {expected}",
                f"     got {got}",
            ]
            raise AssertionError("\n".join(told))


@attrs.define
class _Came:
    """What came of the last happening, and was not told yet."""

    calls: list[Call] = attrs.field(factory=list)
    emitted: list[Emit] = attrs.field(factory=list)
    tasks: list[Task] = attrs.field(factory=list)
    refused: EventRejected | None = None


def _play(driver: Driver, happening: Happening) -> object:
    match happening:
        case Send(event, data, key):
            return driver.send(event, data, key)
        case Reply(result, handler):
            return driver.reply(result, handler=handler)
        case Fail(error, message, handler, retryable):
            return driver.reply(error=error, message=message, handler=handler, retryable=retryable)
        case Decide(step, decision, by, comments, result):
            return driver.complete(step, decision, by=by, comments=comments, result=result)
        case Wait(time):
            driver.advance(timedelta(milliseconds=milliseconds(time)))
            return None
        case Cancel(now):
            return driver.cancel(now=now)
        case _:
            assert_never(happening)


# --- what was expected, and what came


def _wrong(expectation: Expectation, driver: Driver, came: _Came) -> Wrong | None:
    """How they differ, if they do. What was found is told now."""
    match expectation:
        case InState(state, step):
            return _state(state, driver.state if step is None else driver.states.get(step, f"no step {step}"))
        case Called(handler, params):
            return _first(came.calls, lambda c: c.handler == handler and _agree(params, c.params), _call)
        case Emitted(event, data):
            return _any(came.emitted, lambda e: e.event == event and _agree(data, e.data), _emit)
        case Asked(step, who):
            return _any(came.tasks, lambda t: t.step == step and _agree(who, t.assigned_to), _task)
        case Refused(reason):
            refused, came.refused = came.refused, None
            if refused is None:
                return "that it is refused", f"it was not, and is in {driver.state}"
            return None if reason in (None, refused.reason) else (f"the reason {reason}", str(refused))
        case Knows(context):
            return _members(context, driver.context)
        case Found(results):
            return _members(results, driver.results)
        case _:
            assert_never(expectation)


def _state(expected: str, got: str) -> Wrong | None:
    plain = base(got)
    return None if plain == expected else (expected, plain)


def _first(found: list[T], fits: Callable[[T], bool], shown: Callable[[T], str]) -> Wrong | None:
    """Take the first, which has to fit."""
    if found and fits(found[0]):
        del found[0]
        return None
    return "that next", shown(found[0]) if found else "nothing more"


def _any(found: list[T], fits: Callable[[T], bool], shown: Callable[[T], str]) -> Wrong | None:
    """Take the first that fits."""
    for place, item in enumerate(found):
        if fits(item):
            del found[place]
            return None
    return "that among others", ", ".join(map(shown, found)) or "nothing of this kind"


def _agree(expected: object, got: object) -> bool:
    return expected is None or same(expected, got)


def _members(expected: Mapping[str, Any], got: Mapping[str, Any]) -> Wrong | None:
    for name, value in expected.items():
        if name not in got or not same(value, got[name]):
            return f"{name} = {_shown(value)}", _shown(got[name]) if name in got else f"no {name}"
    return None


def _word(word: Happening | Expectation) -> str:
    """A word of the script as one writes it: without what goes without saying."""
    fields = [(field, getattr(word, field.name)) for field in attrs.fields(type(word))]
    said = [
        repr(value) if place == 0 else f"{field.name}={value!r}"
        for place, (field, value) in enumerate(fields)
        if value != field.default
    ]
    return f"{type(word).__name__}({', '.join(said)})"


def _call(call: Call) -> str:
    return f"a call of {call.handler} with {_shown(call.params)}"


def _emit(emit: Emit) -> str:
    return f"{emit.event} {_shown(emit.data)}"


def _task(task: Task) -> str:
    return f"a task of {task.step} for {_shown(task.assigned_to)}"


def _shown(value: object) -> str:
    return compact(thaw(freeze(value)))
