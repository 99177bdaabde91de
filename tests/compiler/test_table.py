"""Who is meant by a text that says who is to decide."""

from __future__ import annotations

import pytest

from statewf.compiler.check_steps import NAMES
from statewf.compiler.table import person
from statewf.expr import parse


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_condition_may_read_says_who_it_is(name: str) -> None:
    assert person(f"{name}[0]") == parse(f"{name}[0]")


@pytest.mark.parametrize(
    "text", ["ann", "ann.smith", "sales team", "'ann'", "5", "event.data.by", "inputs.a || ann"]
)
def test_what_names_nothing_that_is_known_is_a_name(text: str) -> None:
    assert person(text) == text


def test_nobody_is_nobody() -> None:
    assert person(None) is None
