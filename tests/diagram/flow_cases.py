"""The workflows that the tests of pictures look at, and the way to drive an instance of one."""

from __future__ import annotations

from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.model import RetryPolicy, Workflow
from statewf.definition.workflow import (
    Compensation,
    CompensationAction,
    EscalationPolicy,
    Quorum,
    Review,
    Step,
    StepType,
    WorkflowErrors,
)
from statewf.machine import snapshot as kernel
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.step import step
from statewf.values.frozen import freeze_object
from tests.diagram.cases import words

ONBOARDING = Workflow(
    "Customer Onboarding",
    (
        Step("profile", "Create Profile"),
        Step(
            "verify-identity",
            "Identity Verification",
            type="condition",
            condition='inputs.accountType === "business"',
            then=Step("business-verification", "Business Verification"),
            else_=Step("personal-verification", "Personal Verification"),
        ),
        Step(
            "setup-features",
            type="condition",
            condition='results["verify-identity"].verified === true',
            then=Step("all-features", type="parallel", steps=(Step("api-access"), Step("integrations"))),
            else_=Step("limited-access"),
        ),
        Step("send-welcome", "Send Welcome Email", required=False),
    ),
)

INVOICE = Workflow(
    "invoice",
    (
        Step("extract", retry_policy=RetryPolicy(3), timeout=30_000, on_error="retry"),
        Step("approve", compensation=Compensation(CompensationAction("reverse-approval"))),
        Step("process-payment", timeout=60_000),
        Step("update-accounting", on_error="log-and-continue"),
    ),
    error_handling=WorkflowErrors(RetryPolicy(2)),
)

# a choice that may pass by, with two steps behind it; a block in a block; all that is awaited from outside
SHIPPING = Workflow(
    "shipping",
    (
        Step(
            "big",
            type="condition",
            condition="inputs.total > 1000",
            then=Step(
                "known",
                type="condition",
                condition="inputs.known",
                then=Step("thank"),
                else_=Step(
                    "ask",
                    "Ask a manager",
                    type="human-task",
                    assign_to="inputs.manager",
                    timeout="1d",
                    escalation_policy=EscalationPolicy("12h", "ceo"),
                    on_reject="continue",
                ),
            ),
        ),
        Step("cool-off", type="wait", duration="2h", depends_on=("big",)),
        Step("paid", type="event", event="PAID", match="event.data.ok", timeout="3d", depends_on=("big",)),
        Step(
            "ship",
            type="parallel",
            strategy="any",
            max_concurrency=2,
            timeout="5m",
            depends_on=("cool-off", "paid"),
            steps=(
                Step("pick"),
                Step("pack", depends_on=("pick",), when="inputs.fragile"),
                Step("couriers", type="parallel", strategy=Quorum(2), steps=(Step("x"), Step("y"), Step("z"))),
            ),
        ),
    ),
)

REVIEWED = Step("a", handler="b", on_error="human-review", review=Review("ann"))


def compiled(definition: Workflow) -> Machine:
    return compile_definition(definition)


def drive(machine: Machine, *happenings: str, **inputs: object) -> list[kernel.Step]:
    """The steps of an instance to which this happens, such as `pay returned`, `pay failed`, `ask approved`.

    `$timer` is the next one that comes due, `$cancel` what it says; every other single word is an event.
    """
    steps: list[kernel.Step] = []
    snapshot = kernel.blank(machine, "i1")
    events: list[AnyEvent] = [Start(freeze_object(inputs, "inputs"))]
    for said in ("", *happenings):
        event = _event(machine, said, snapshot) if said else events[0]
        made = step(machine, snapshot, event)
        assert isinstance(made, kernel.Step), made
        steps.append(made)
        snapshot = made.after
    return steps


def _event(machine: Machine, said: str, snapshot: kernel.Snapshot) -> AnyEvent:
    who, _, what = said.partition(" ")
    if said == "$timer":
        at, region, timer = kernel.due(machine, snapshot)[0]
        return Fired(region, timer, at)
    if said == "$cancel":
        return Cancel()
    if not what:
        return Event(who, {"ok": True})
    if what not in ("returned", "failed"):
        return Decided(snapshot.book.tasks[who].id, what)
    call = next(call.id for call in snapshot.flight.calls.values() if call.region == who)
    return Returned(call, freeze_object({}, "a result")) if what == "returned" else Failed(call, "Oops", "no")


# --- names that would break a text if they were not escaped, and generated workflows


def hostile(listed: list[str]) -> Workflow:
    """A workflow whose every text is one of these five, with each kind of box and link."""
    a, b, c, d, e = (f"{n}{word}" if n else word for n, word in enumerate(listed))
    undo = Compensation(CompensationAction(listed[2]))
    choice = Step(
        b, listed[0], type="condition", condition="inputs.x", then=Step(c, handler=listed[1]), when="inputs.y"
    )
    block = Step(
        d, listed[3], type="parallel", strategy="first", steps=(Step(e, listed[4], compensation=undo), choice)
    )
    asked = Step(a, listed[1], type="human-task", assign_to=listed[4], required=False)
    awaited = Step(f"5{a}", type="event", event=listed[2])
    return Workflow(listed[0], (asked, block, awaited))


hostiles = st.lists(words, min_size=5, max_size=5).map(hostile)


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """A workflow that compiles: blocks and choices nested a few levels deep, and any dependencies."""
    names = iter(range(10_000))

    def listed(depth: int, most: int) -> tuple[Step, ...]:
        made: list[Step] = []
        for _ in range(draw(st.integers(1, most))):
            before = [other.id for other in made]
            some = st.none() if not before else st.none() | st.lists(st.sampled_from(before), unique=True)
            made.append(one(depth, draw(some)))
        return tuple(made)

    def one(depth: int, depends_on: list[str] | None = None) -> Step:
        kinds: list[StepType] = ["function", "wait", "event", "human-task"]
        kind = draw(st.sampled_from([*kinds, "parallel", "condition"] if depth else kinds))
        name = f"s{next(names)}"
        match kind:
            case "parallel":
                return Step(name, type=kind, depends_on=depends_on, steps=listed(depth - 1, 3))
            case "condition":
                other = one(depth - 1) if draw(st.booleans()) else None
                then = one(depth - 1)
                given = draw(st.sampled_from(["inputs.x", "true", "false"]))
                return Step(name, type=kind, depends_on=depends_on, condition=given, then=then, else_=other)
            case "wait":
                return Step(name, type=kind, depends_on=depends_on, duration=1000)
            case "event":
                return Step(name, type=kind, depends_on=depends_on, event="A")
            case _:
                return Step(name, type=kind, depends_on=depends_on, required=draw(st.booleans()))

    return Workflow("world", listed(3, 4))
