"""What a person wrote: the definition of a step workflow, as frozen attrs values.

The same words as in files, for both ways of writing (see `model`, whose counterpart this is). A step is of
one class whatever its `type`, as it is one kind of object in a file; `shape` says which keys go with which.

Below: `words`, `shape`, `policy`, `places`. Above: `model`, which joins both kinds of definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from typing import Annotated, Any, Literal, TypeAlias

import attrs
from attrs.converters import optional

from statewf.definition.parts import check_depth, part, part_if_any, several
from statewf.definition.places import Places
from statewf.definition.policy import RetryPolicy
from statewf.definition.pricing import Billing, Pricing
from statewf.definition.pricing import pricing as check_pricing
from statewf.definition.properties import Property, properties
from statewf.definition.shape import said, step_misfits
from statewf.definition.words import (
    Count,
    Milliseconds,
    Name,
    Params,
    Text,
    camel,
    choice,
    count,
    expression,
    flag,
    identifier,
    identifiers,
    plain_text,
    word,
    wrong,
)
from statewf.definition.words import duration as as_duration  # `Step` has attributes of these names
from statewf.definition.words import params as as_params
from statewf.errors import DefinitionError, Diagnostic
from statewf.expr import Expression
from statewf.values.frozen import EMPTY

StepType: TypeAlias = Literal["function", "parallel", "condition", "human-task", "wait", "event"]
OnError: TypeAlias = Literal["retry", "human-review", "notify-manager", "rollback", "log-and-continue"]
OnReject: TypeAlias = Literal["fail", "continue"]
CompensationStrategy: TypeAlias = Literal["reverse-order", "parallel", "none"]

_TYPE = word("function", "parallel", "condition", "human-task", "wait", "event")
_ON_ERROR = choice("retry", "human-review", "notify-manager", "rollback", "log-and-continue")
_ON_REJECT = word("fail", "continue")
_STRATEGY = word("all", "any", "first")
_COMPENSATION = word("reverse-order", "parallel", "none")

GRACE = 10_000  # ms that the handler of a step that was given up has to end


WHOLE = "workflow"  # what the whole is called among its steps, as in workflow:completed


def step_id(value: str) -> str:
    """The id of a step: any name but that of the whole."""
    if value == WHOLE:
        hint = "call the step otherwise, as in id: run-workflow"
        raise wrong("reserved-id", "workflow is the name of the whole, and no step can have it", hint)
    return identifier(value)


StepId: TypeAlias = Annotated[str, step_id]


@attrs.frozen
class Quorum:
    """A parallel step succeeds with this many successes."""

    quorum: Count = attrs.field(converter=count)


Strategy: TypeAlias = Literal["all", "any", "first"] | Quorum


def _strategy_word(instance: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Quorum):
        _STRATEGY(instance, attribute, value)


@attrs.frozen
class CompensationAction:
    """One call that undoes something: the handler of that name. `step_id` names the step it is about."""

    action: Name = attrs.field(converter=identifier)
    step_id: Name | None = attrs.field(default=None, converter=optional(identifier))
    params: Params = attrs.field(default=EMPTY, converter=as_params)
    timeout: Milliseconds | None = attrs.field(default=None, converter=optional(as_duration))


def _undoing(value: CompensationAction | Iterable[CompensationAction]) -> tuple[CompensationAction, ...]:
    listed = several("steps", value, CompensationAction)
    if not listed:
        raise wrong("no-steps", "a compensation needs at least one action", "name a handler, as in action: refund")
    return listed


@attrs.frozen
class Compensation:
    """What undoes a step that succeeded, one call after another."""

    steps: tuple[CompensationAction, ...] = attrs.field(converter=_undoing)


@attrs.frozen
class Review:
    """Whom to ask when a step failed for good, and how long to wait for the answer."""

    assign_to: Text | None = attrs.field(default=None, converter=optional(plain_text))
    timeout: Milliseconds | None = attrs.field(default=None, converter=optional(as_duration))


@attrs.frozen
class EscalationPolicy:
    """Whom a human task is given to when the first did not decide in time."""

    timeout: Milliseconds = attrs.field(converter=as_duration)
    escalate_to: Text = attrs.field(converter=plain_text)


def _steps(value: Step | Iterable[Step]) -> tuple[Step, ...]:
    return several("steps", value, Step)


def _branch(instance: Step, attribute: attrs.Attribute[Any], value: object) -> None:
    part_if_any(Step)(instance, attribute, value)


def _some_steps(value: Step | Iterable[Step]) -> tuple[Step, ...]:
    listed = _steps(value)
    if not listed:
        raise wrong("no-steps", "a workflow needs at least one step")
    return listed


@attrs.frozen
class Step:
    """One step of a workflow: a call, a block of steps, a choice, a question, a wait.

    `depends_on` None is what the place in the list says: after the step before it, or, within a block, at once.
    """

    id: StepId = attrs.field(converter=step_id)
    name: Text | None = attrs.field(default=None, converter=optional(plain_text))
    type: StepType = attrs.field(default="function", validator=_TYPE, kw_only=True)
    when: Expression | None = attrs.field(default=None, converter=optional(expression), kw_only=True)
    required: bool = attrs.field(default=True, converter=flag, kw_only=True)
    depends_on: tuple[Name, ...] | None = attrs.field(default=None, converter=optional(identifiers), kw_only=True)
    timeout: Milliseconds | None = attrs.field(default=None, converter=optional(as_duration), kw_only=True)
    handler: Name | None = attrs.field(default=None, converter=optional(identifier), kw_only=True)
    params: Params = attrs.field(default=EMPTY, converter=as_params, kw_only=True)
    retry_policy: RetryPolicy | None = attrs.field(default=None, validator=part_if_any(RetryPolicy), kw_only=True)
    on_error: OnError | None = attrs.field(default=None, validator=_ON_ERROR, kw_only=True)
    review: Review | None = attrs.field(default=None, validator=part_if_any(Review), kw_only=True)
    strategy: Strategy = attrs.field(default="all", validator=_strategy_word, kw_only=True)
    max_concurrency: Count | None = attrs.field(default=None, converter=optional(count), kw_only=True)
    condition: Expression | None = attrs.field(default=None, converter=optional(expression), kw_only=True)
    duration: Milliseconds | None = attrs.field(default=None, converter=optional(as_duration), kw_only=True)
    event: Name | None = attrs.field(default=None, converter=optional(identifier), kw_only=True)
    match: Expression | None = attrs.field(default=None, converter=optional(expression), kw_only=True)
    assign_to: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    details: Params = attrs.field(default=EMPTY, converter=as_params, kw_only=True)
    escalation_policy: EscalationPolicy | None = attrs.field(
        default=None, validator=part_if_any(EscalationPolicy), kw_only=True
    )
    on_reject: OnReject = attrs.field(default="fail", validator=_ON_REJECT, kw_only=True)
    compensation: Compensation | None = attrs.field(default=None, validator=part_if_any(Compensation), kw_only=True)
    description: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    steps: tuple[Step, ...] = attrs.field(default=(), converter=_steps, kw_only=True)
    then: Step | None = attrs.field(default=None, validator=_branch, kw_only=True)
    else_: Step | None = attrs.field(default=None, validator=_branch, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """What does not go together is refused here too, for steps made in Python."""
        check_depth(self.levels, "steps")
        has = {key for name, key in _keys() if said(getattr(self, name))}
        if self.strategy == "all":
            has.discard("strategy")
        if self.on_reject == "fail":
            has.discard("onReject")
        found = [
            Diagnostic(misfit.code, misfit.message, f"$.{misfit.key}", hint=misfit.hint)
            for misfit in step_misfits(self.type, has, self.on_error)
        ]
        if found:
            raise DefinitionError(found)

    @cached_property
    def levels(self) -> int:
        """How many steps lie within each other, itself included. Those within know already: no recursion."""
        return 1 + max((inner.levels for _, inner in self.inner()), default=0)

    def inner(self) -> Iterator[tuple[tuple[str | int, ...], Step]]:
        """The steps right within this one, each with its place as seen from here."""
        yield from ((("steps", i), step) for i, step in enumerate(self.steps))
        if self.then is not None:
            yield ("then",), self.then
        if self.else_ is not None:
            yield ("else",), self.else_


@cache
def _keys() -> tuple[tuple[str, str], ...]:
    """The attributes of a step, and their keys in files."""
    return tuple((field.name, camel(field.name)) for field in attrs.fields(Step))


@attrs.frozen
class WorkflowErrors:
    """What holds for every step that says nothing else, and what becomes of a workflow that fails."""

    default_retry_policy: RetryPolicy | None = attrs.field(default=None, validator=part_if_any(RetryPolicy))
    compensation_strategy: CompensationStrategy = attrs.field(default="reverse-order", validator=_COMPENSATION)
    notify_on_failure: bool = attrs.field(default=False, converter=flag)


@attrs.frozen
class Workflow:
    """A DAG of steps, in listed order where nothing else is said.

    `timeout` bounds the whole; `cancel_grace` is how long a handler that was given up has to end (ms).
    `pricing` says what an execution costs, `billing` whom to charge.
    """

    name: Name = attrs.field(converter=identifier)
    steps: tuple[Step, ...] = attrs.field(converter=_some_steps)
    timeout: Milliseconds | None = attrs.field(default=None, converter=optional(as_duration), kw_only=True)
    cancel_grace: Milliseconds = attrs.field(default=GRACE, converter=as_duration, kw_only=True)
    error_handling: WorkflowErrors = attrs.field(
        factory=WorkflowErrors, validator=part(WorkflowErrors), kw_only=True
    )
    description: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    pricing: Pricing | None = attrs.field(default=None, converter=check_pricing, kw_only=True)
    billing: Billing | None = attrs.field(default=None, validator=part_if_any(Billing), kw_only=True)
    properties: tuple[Property, ...] = attrs.field(default=(), converter=properties, kw_only=True)
    places: Places = attrs.field(factory=Places, kw_only=True, eq=False, repr=False)
