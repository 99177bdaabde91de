"""Spans of instances: what they say, and that a restart makes no other ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import statewf as wf
from statewf.history import Memory
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.runtime import Executor
from statewf.runtime.spans import Spans
from statewf.runtime.trails import Span, Trail
from statewf.testing import strategies as wfst
from tests import worlds
from tests.flows import flows
from tests.runtime.support import machine

pytestmark = pytest.mark.anyio

ORDER = machine("""
name: order
initialState: open
states:
  open: {on: {PAY: paying}}
  paying: {invoke: charge, on: {PAID: paid}, timeout: 1m, timeoutTransition: late, retry: {maxAttempts: 3, on: $error}}
  paid: {terminal: true}
  late: {terminal: true, outcome: failure}
""")


WORLDS = st.one_of(worlds.definitions().map(wf.compile), flows().map(lambda flow: wf.compile(flow.workflow)))


def spans_of(machine: Machine, steps: Sequence[Step]) -> list[Span]:
    trail = Trail(machine)
    return [span for step in steps for span in trail.take(step)]


@given(st.data())
def test_spans_lie_within_each_other_and_each_is_told_once(data: st.DataObject) -> None:
    machine = data.draw(st.one_of(st.just(ORDER), WORLDS))
    walk = data.draw(wfst.walks(machine, max_steps=30))
    steps = [move for move in walk if isinstance(move, Step)]
    told = spans_of(machine, steps)
    assert len({span.id for span in told}) == len(told)
    ended = [step for step in steps if step.after.ended]
    known = {span.id: span for span in told}
    assert (steps[0].after.instance in known) == bool(ended)
    for span in told:
        assert span.began <= span.ended
        around = known.get(span.parent or "")
        if around is not None:
            assert around.began <= span.began
            if "/call/" not in span.id:  # the handler of what was called off may still run
                assert span.ended <= around.ended


@given(st.data())
def test_whoever_begins_later_tells_what_was_not_told(data: st.DataObject) -> None:
    walk = data.draw(wfst.walks(ORDER, max_steps=30))
    steps = [move for move in walk if isinstance(move, Step)]
    cut = data.draw(st.integers(0, len(steps)))
    again = Trail(ORDER)
    before = [span for step in steps[:cut] for span in again.take(step)]
    after = [span for step in steps[cut:] for span in again.take(step)]
    assert before + after == spans_of(ORDER, steps)
    assert before == spans_of(ORDER, steps[:cut])


def told(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_an_instance_is_a_trace() -> None:
    exporter = InMemorySpanExporter()
    spans = Spans(SimpleSpanProcessor(exporter))
    tries: list[Any] = []

    def charge(call: Any) -> Any:
        tries.append(call)
        if len(tries) == 1:
            raise ValueError("declined")
        return wf.Event("PAID")

    async with Executor(Memory(), {"charge": charge}, observe=spans) as executor:
        await executor.deploy(ORDER)
        order = await executor.start("order")
        await order.send("PAY")
        await order.wait()
    found = exporter.get_finished_spans()
    assert [span.name for span in found] == ["open", "charge", "paying", "charge", "paying", "paid", "order"]
    (root,) = [span for span in found if span.parent is None]
    assert root.name == "order"
    assert root.attributes == {
        "statewf.instance": order.id,
        "statewf.machine": "order",
        "statewf.state": "paid",
        "statewf.outcome": "success",
    }
    assert len({span.context.trace_id for span in found if span.context}) == 1
    first, second = (span for span in found if span.name == "charge")
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, "ValueError: declined")
    assert second.status.status_code == StatusCode.UNSET
    visits = {span.context.span_id: span for span in found if span.name == "paying" and span.context}
    assert first.parent is not None
    assert second.parent is not None
    assert {first.parent.span_id, second.parent.span_id} == set(visits)


async def test_a_trace_goes_on_in_another_process(tmp_path: Path) -> None:
    exporters = [InMemorySpanExporter(), InMemorySpanExporter()]
    ids = []
    for exporter in exporters:
        spans = Spans(SimpleSpanProcessor(exporter))
        async with Executor(tmp_path / "s.db", {"charge": lambda _: wf.Event("PAID")}, observe=spans) as executor:
            spans.store = executor.store
            await executor.deploy(ORDER)
            order = await executor.start("order", request_id="R")
            ids.append(order.id)
            created = executor.store.cards()[0].created
            if exporter is exporters[1]:
                await order.send("PAY")
                await order.wait()
        spans.close()
    first, second = map(told, exporters)
    assert ids[0] == ids[1]
    assert list(first) == []
    assert list(second) == ["open", "charge", "paying", "paid", "order"]
    assert second["order"].start_time == created * 1_000_000
