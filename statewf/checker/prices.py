"""The rule about prices: one that can never apply was meant for something else, or for another machine.

Only what the structure says is told; whether a step fails in fact, or a customer has so many executions, nobody knows.
Below: `findings`, the compiled definition. Above: the checker.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from statewf.checker.findings import Finding
from statewf.compiler.plan import plan
from statewf.definition.model import Definition, Step, Workflow, path_text
from statewf.definition.places import Path
from statewf.definition.pricing import PerExecution

Told: TypeAlias = tuple[Path, str, str]  # where, what, and the way out


def price_never_applies(definition: Definition) -> Iterator[Finding]:
    """What a price list, or `billing`, says in vain."""
    for path, message, hint in _vain(definition):
        line = definition.places.line(path)
        yield Finding("price-never-applies", "warning", path_text(path), message, (), line, hint)


def _vain(definition: Definition) -> Iterator[Told]:
    prices, billing = definition.pricing, definition.billing
    steps = [node.step for node in plan(definition).nodes.values()] if isinstance(definition, Workflow) else []
    if prices is None:
        if billing is not None:
            yield ("billing",), "there is no pricing, so nobody is charged", "say what it costs, or remove this"
        return
    tiered = isinstance(prices, PerExecution) and prices.discounts is not None
    if billing is not None and billing.volume is not None and not tiered:
        yield ("billing", "volume"), "no discount asks for a volume", "add discounts.volume, or remove this"
    if not isinstance(prices, PerExecution):
        return
    if prices.rates is not None and not any(map(_asks, steps)):
        path, hint = ("pricing", "rates", "humanReview"), "write the other one as rate"
        yield path, "nobody is ever asked: there is no human-task, and no onError: human-review", hint
    if prices.parallel_discount is not None and not any(step.type == "parallel" for step in steps):
        yield ("pricing", "parallelDiscount"), "there is no parallel step", "remove it"
    if prices.failure_refund is not None:
        yield from _refund(definition)


def _refund(definition: Definition) -> Iterator[Told]:
    path = ("pricing", "failureRefund")
    if not isinstance(definition, Workflow):
        yield path, "states do not fail: what ends in failure is not charged anyway", "remove it"
    elif not any(map(_may_fail, definition.steps)):
        message = "no outermost step may fail without the whole, which then is not charged anyway"
        yield path, message, "let one be required: false, or remove this"


def _asks(step: Step) -> bool:
    return step.type == "human-task" or step.on_error == "human-review"


def _may_fail(step: Step) -> bool:
    """Whether the workflow goes on when that outermost step fails."""
    return step.on_error == "log-and-continue" or not (step.required or step.on_error == "rollback")
