"""Snapshots of workflows: whatever is in flight is read again as it was written."""

from __future__ import annotations

import json

import attrs
from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.history.codec import decode_event, decode_snapshot, encode_snapshot, encode_step
from statewf.machine.events import Cancel
from statewf.machine.snapshot import fits
from statewf.machine.step import step
from statewf.simulator import simulate
from statewf.values.canonical import compact
from tests.flows import LONG, Flow, flows


@given(flows(rich=True), st.integers(0, 5 * LONG))
def test_what_is_written_of_a_workflow_is_read_again(flow: Flow, cancelled: int) -> None:
    machine = compile_definition(flow.workflow)
    made = simulate(machine, attrs.evolve(flow.scenario(), events=(Cancel(cancelled),))).steps
    for one in made:
        document = json.loads(compact(encode_snapshot(one.after)))
        read = decode_snapshot(document, one.after.instance, one.after.inputs)
        assert read == one.after
        assert fits(machine, read)
        event = decode_event(json.loads(compact(encode_step(one))))
        assert step(machine, one.before, event) == one
