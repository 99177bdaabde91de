"""Trace equality with XState itself: what version 5.33.3 did, recorded by `xstate_record`, and what is done here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from statewf.compiler import compile_definition
from statewf.interop.xstate import read, write
from tests.interop.xstate_traces import trace

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("xstate_traces.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_same_states_and_actions_as_in_xstate(number: int) -> None:
    case = CASES[number]
    definition = read(json.dumps(case["config"])).definition
    assert trace(definition, compile_definition(definition), case["facts"], case["script"]) == case["trace"]
    again = read(write(definition).text).definition
    assert again == definition
