"""`Payment.charge`: the event that tells what an execution is to be paid, once, with the step that ends it.

It is one of the step's own effects, so it is kept with it, or not at all; its key is the instance, for whoever takes
the payment and may hear of it twice. What costs nothing is not told. A fault in `billing` is told with the step, as any.

Below: `bill`. Above: whoever makes steps: the simulator and the runtime.
"""

from __future__ import annotations

from collections.abc import Iterable

from statewf.compiler import Notes
from statewf.definition.model import Workflow
from statewf.definition.pricing import CHARGE
from statewf.machine.effects import Emit
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Note, Step
from statewf.pricing.bill import bill, cost
from statewf.pricing.usage import Usage, is_priced
from statewf.values.frozen import restored


def charged(usage: Usage, step: Step) -> Step:
    """Read a step; the same, with the charge if it ends an execution that costs something."""
    usage.read(step)
    if not step.after.ended or step.before.ended:
        return step
    made = bill(usage)
    if made is None:
        return step
    if made.faults:
        step = step._replace(notes=(*step.notes, *(Note("fault", fault) for fault in made.faults)))
    if not made.total:
        return step
    data = {
        "requestId": step.after.instance,
        "key": f"{step.after.instance}/{CHARGE}",
        "customerId": made.customer,
        "amount": str(made.total),
        "currency": made.currency,
        "description": _description(usage),
    }
    return step._replace(effects=(*step.effects, Emit(CHARGE, restored(data))))


def _description(usage: Usage) -> str:
    notes = usage.machine.notes
    assert isinstance(notes, Notes), "a machine that no compiler made"
    if not isinstance(notes.definition, Workflow) or usage.snapshot is None:
        return usage.machine.name
    count = len(usage.snapshot.book.completed)
    return f"{usage.machine.name}: {count} step{'' if count == 1 else 's'} completed"


def billed(
    machine: Machine, steps: Iterable[Step], volume: int | None = None
) -> tuple[tuple[Step, ...], str | None]:
    """These steps of an instance with its charge, and what it costs, as decimal text, if it has ended and costs anything."""
    if not is_priced(machine):
        return tuple(steps), None
    usage = Usage(machine, volume)
    return tuple([charged(usage, step) for step in steps]), cost(usage)
