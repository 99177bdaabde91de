"""The region `workflow`, which begins the steps, and ends with one of six terminal states.

Stands on `steps`: what it hears from them is $quiet (all is over), $failed, and of the undoing $undoing,
$undo-failed and $undone. The states `compensating...` remember why all is undone, and how that goes.
"""

from __future__ import annotations

import attrs

from statewf.compiler.plan import Plan
from statewf.compiler.signals import FAILED, QUIET, RUNNING, UNDO_FAILED, UNDOING, UNDONE, WORKFLOW
from statewf.compiler.table import cancelling
from statewf.compiler.undoing import cut_short, first_undo
from statewf.expr import parse
from statewf.machine.fsm import (
    CANCEL,
    CANCEL_NOW,
    TIMEOUT,
    Arm,
    Blame,
    Delay,
    Disarm,
    LocalState,
    Op,
    Pull,
    Region,
    Tell,
    Transition,
    Values,
)
from statewf.machine.naming import newly

WHOLE_TIMEOUT = TIMEOUT + RUNNING

# why it ends: the state until nothing runs any more, and how it ends if nothing, or all, was undone
CAUSES = {
    "failing": ("failed", "compensated"),
    "cancelling": ("cancelled", "cancelled"),
    "timing-out": ("timed-out", "timed-out"),
}
NOW = "cancelling.$now"
ENDS = ("failed", "compensated", "compensation-failed", "cancelled", "timed-out")


def workflow_region(plan: Plan) -> Region:
    """The region over all steps."""
    workflow = plan.workflow
    arm = () if workflow.timeout is None else (Arm(WHOLE_TIMEOUT, Delay(workflow.timeout)),)
    disarm = () if workflow.timeout is None else (Disarm(WHOLE_TIMEOUT),)
    begin = tuple(Pull(root.id, "$ready") for root in plan.roots if not root.after)
    cancel = cancelling(plan.roots)
    running = [
        _move(QUIET, "completed", exit=disarm, entry=(_delivered(),)),
        _move(FAILED, "failing", exit=disarm, actions=(Blame(),), entry=cancel),
        _move(CANCEL, "cancelling", exit=disarm, actions=(Blame("Cancelled", "it was cancelled"),), entry=cancel),
        _move(CANCEL_NOW, NOW, exit=disarm, actions=(Blame("Cancelled", "it was cancelled"),), entry=cancel),
    ]
    if workflow.timeout is not None:
        blame = Blame("TimeoutError", f"the workflow was not done within {workflow.timeout} ms")
        running.append(_move(WHOLE_TIMEOUT, "timing-out", actions=(blame,), entry=cancel))
    states = [_state(RUNNING, running), _state(NOW, [_ending(plan, QUIET, "cancelled")])]
    chain = plan.chain if workflow.error_handling.compensation_strategy != "none" else ()
    for cause, (untouched, undone) in CAUSES.items():
        if chain:
            states += _undoing(plan, cause, untouched, undone)
        else:
            states.append(_state(cause, [_ending(plan, QUIET, untouched)]))
    states.append(LocalState("completed", terminal="success"))
    states += (LocalState(end, terminal="failure") for end in ENDS)
    counters = {QUIET: len(plan.nodes), UNDONE: len(chain)}
    start = Transition("", RUNNING, entry=(*arm, *begin), entered=(RUNNING,))
    return Region(WORKFLOW, start, {state.name: state for state in states}, counters=counters)


def _undoing(plan: Plan, cause: str, untouched: str, undone: str) -> list[LocalState]:
    """Waiting for quiet, then undoing: nothing was undone yet, some was, some could not be, or it was cut short."""
    name = "compensating" if cause == "failing" else f"compensating.${undone}"
    some, bad, cut = f"{name}.$some", f"{name}.$bad", f"{name}.$cut"
    failed = _ending(plan, UNDONE, "compensation-failed")
    short = _move(CANCEL_NOW, cut, entry=cut_short(plan))
    return [
        _state(cause, [_move(QUIET, name, entry=first_undo(plan)), _move(CANCEL_NOW, NOW)]),
        _state(name, [_move(UNDOING, some), _ending(plan, UNDONE, untouched), short]),
        _state(some, [_move(UNDO_FAILED, bad), _ending(plan, UNDONE, undone), short]),
        _state(bad, [failed, short]),
        _state(cut, [failed]),
    ]


def _ending(plan: Plan, trigger: str, end: str) -> Transition:
    told: tuple[Op, ...] = (_failed(),)
    if plan.workflow.error_handling.notify_on_failure:
        told = (*told, _notice())
    return _move(trigger, end, entry=told)


def _state(name: str, ways: list[Transition]) -> LocalState:
    told = (attrs.evolve(way, entered=newly(name, way.target or "")) for way in ways)
    return LocalState(name, {way.trigger: (way,) for way in told})


def _move(
    trigger: str,
    target: str,
    *,
    exit: tuple[Op, ...] = (),
    actions: tuple[Op, ...] = (),
    entry: tuple[Op, ...] = (),
) -> Transition:
    return Transition(
        trigger, target, merges=False, attempt="keep", anew=False, exit=exit, actions=actions, entry=entry
    )


def _delivered() -> Tell:
    outputs: Values = (
        ("success", parse("len(failedSteps) === 0")),
        ("results", parse("results")),
        ("completedSteps", parse("completedSteps")),
        ("failedSteps", parse("failedSteps")),
    )
    return Tell("ServiceResult.deliver", values=(("requestId", parse("instance")), ("outputs", outputs)))


def _failed() -> Tell:
    values: Values = (
        ("requestId", parse("instance")),
        ("error", parse("errors.workflow.message")),
        ("failedStep", parse("errors.workflow.step")),
        ("completedSteps", parse("completedSteps")),
        ("partialResults", parse("results")),
        ("compensations", parse("compensations")),
    )
    return Tell("ServiceRequest.fail", values=values)


def _notice() -> Tell:
    values: Values = (
        ("type", parse("'workflow-failed'")),
        ("requestId", parse("instance")),
        ("error", parse("errors.workflow.message")),
        ("stepId", parse("errors.workflow.step")),
    )
    return Tell("Notification.send", values=values)
