"""Mermaid text: the order machine as people will read it, and a grammar that every line keeps to."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import given, settings

from statewf.definition.model import StateMachine
from statewf.diagram import draw, picture
from statewf.diagram.mermaid import escaped
from tests.diagram.cases import CHECKOUT, DELAYED, ORDER, compiled, drive, hostiles
from tests.worlds import definitions

GOLDEN = """\
stateDiagram-v2
    [*] --> s0
    state "pending" as s0
    state "validating" as s1
    state "validated" as s2
    state "processing-payment" as s3
    state "paid" as s4
    state "fulfilling" as s5
    state "shipped" as s6
    state "returning" as s7
    state "returned" as s8
    state "delivered" as s9
    state "cancelled" as s10
    state "validation-failed" as s11
    state "payment-failed" as s12
    state "fulfillment-failed" as s13
    s0 --> s1 : VALIDATE
    s0 --> s10 : CANCEL
    s1 --> s2 : VALIDATION_SUCCESS
    s1 --> s11 : VALIDATION_FAILED<br/>after 30s
    s2 --> s3 : PROCESS_PAYMENT
    s3 --> s4 : PAYMENT_SUCCESS
    s3 --> s12 : PAYMENT_FAILED
    s3 --> s3 : PAYMENT_FAILED (attempt #60; 3)
    s4 --> s5 : FULFILL
    s5 --> s6 : SHIPPED
    s5 --> s13 : FULFILLMENT_FAILED
    s6 --> s9 : DELIVERED
    s6 --> s7 : RETURN_REQUESTED
    s7 --> s8 : RETURNED
    s13 --> s5 : RETRY
    s8 --> [*]
    s9 --> [*]
    s10 --> [*]
    s11 --> [*]
    s12 --> [*]
    classDef success fill:#dcfce7,stroke:#16a34a,color:#14532d
    class s8,s9 success
    classDef failure fill:#fee2e2,stroke:#dc2626,color:#7f1d1d
    class s10,s11,s12 failure
"""

TEXT = r"(?:[^\"#:;<>%{}*`~\\$|\n]|#\d+;|<br/>)+"
LINE = re.compile(
    "|".join(
        (
            r"stateDiagram-v2",
            r" *\[\*\] --> s\d+",
            r"    s\d+ --> \[\*\]",
            rf' *state "{TEXT}" as s\d+(any| {{)?',
            rf" *s\d+ : {TEXT}",
            rf"    s\d+(any)? --> s\d+ : {TEXT}",
            r" *}",
            r"    classDef \w+ fill:#\w{6},stroke:#\w{6},color:#\w{6}",
            r"    class s\d+(,s\d+)* \w+",
        )
    )
)


def test_the_order_machine() -> None:
    assert draw(compiled(ORDER)) == GOLDEN


def test_compound_states_nest() -> None:
    text = draw(compiled(CHECKOUT))
    box = """\
        state "payment · exit / close-basket" as s1 {
            [*] --> s2
            state "asking" as s2
            s2 : entry / ask
            state "charging" as s3
            s3 : invoke / charge
            state "any state" as s1any
        }
    """
    assert dedent(box) in dedent(text.removeprefix("stateDiagram-v2\n"))
    assert "    s1any --> s2 : RESET\n" in text
    assert "    s1 --> s1 : START_OVER\n" in text
    assert "    s3 --> s2 : BACK\n" in text  # to the box around it: where that begins
    assert "    s0 --> s1 : PAY [inputs.total #62; 0]" not in text  # too long for one row
    assert "    s0 --> s1 : PAY<br/>[inputs.total #62; 0]<br/>/ reserve-stock\n" in text


def test_an_instance_is_marked_by_classes() -> None:
    machine = compiled(DELAYED)
    text = draw(machine, steps=drive(machine, "VALIDATE", "VALIDATION_SUCCESS"))
    assert "    class s0,s1 visited\n" in text
    assert "    class s2 active\n" in text
    ended = draw(machine, steps=drive(machine, "CANCEL"))
    assert "    class s10 activeFailure\n" in ended


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PAYMENT_FAILED", "PAYMENT_FAILED"),
        ("__init__", "#95;#95;init#95;#95;"),
        ("a && b", "a && b"),
        ("&amp;", "#38;amp#59;"),
        ('<b> #1: "x"; %%', "#60;b#62; #35;1#58; #34;x#34;#59; #37;#37;"),
        ("日本語 · été", "日本語 · été"),
        ("- x", "#45; x"),
        ("12. x) y", "#49;2. x) y"),
        ("1.5 - x", "1.5 - x"),
    ],
)
def test_what_mermaid_would_misread_is_an_entity(text: str, expected: str) -> None:
    assert escaped(text) == expected


@settings(max_examples=50)
@given(definitions())
def test_every_line_keeps_to_the_grammar(definition: StateMachine) -> None:
    for flat in (False, True):
        keeps_to_the_grammar(draw(compiled(definition), flat=flat))


@settings(max_examples=50)
@given(hostiles)
def test_names_break_nothing(definition: StateMachine) -> None:
    text = draw(compiled(definition))
    keeps_to_the_grammar(text)
    assert text.count("-->") == len(picture(compiled(definition)).edges) + 3  # two beginnings, one end


def keeps_to_the_grammar(text: str) -> None:
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        assert LINE.fullmatch(line), line
    assert text.count("{\n") == text.count("}\n")
    declared = re.findall(r'state ".*" as (\w+)', text)
    assert len(declared) == len(set(declared))
    assert set(re.findall(r"\bs\d+(?:any)?\b(?= -->)|(?<=--> )s\d+", text)) <= set(declared)
