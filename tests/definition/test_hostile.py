"""Whatever is thrown at the reader, only DefinitionError comes back, and soon.

Nobody here measures time: what is not bounded would not end.
"""

from __future__ import annotations

import json

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.document import Format
from statewf.definition.model import StateMachine, Step, Workflow
from statewf.definition.places import MOST_TOLD
from statewf.definition.read import read
from statewf.definition.shape import STEP_FITTING
from statewf.definition.words import camel
from statewf.definition.write import to_json, to_yaml
from statewf.errors import CompileError, DefinitionError, Diagnostic

from .test_read import ORDER
from .test_read_workflow import EVERYTHING, INVOICE

FORMATS: list[Format | None] = ["yaml", "json", None]


def machine(states: str) -> str:
    return '{"initialState": "a", "states": ' + states + "}"


def told_of(text: str | bytes, format: Format | None = None) -> list[Diagnostic] | None:
    try:
        read(text, format=format)
    except DefinitionError as error:
        return list(error.diagnostics)
    return None


def found(text: str | bytes, format: Format | None = None) -> list[Diagnostic]:
    diagnostics = told_of(text, format)
    assert diagnostics
    return diagnostics


def codes(text: str | bytes, format: Format | None = None) -> set[str]:
    return {diagnostic.code for diagnostic in found(text, format)}


DEEP = 100_000


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("[" * DEEP, "yaml"),
        ("[" * DEEP + "]" * DEEP, "yaml"),
        ("{a: " * DEEP, "yaml"),
        ("- " * DEEP, "yaml"),
        ("? " * DEEP, "yaml"),
        ("".join(" " * i + "a:\n" for i in range(1400)), "yaml"),
        ("a: &x [b]\nc: " + "[" * DEEP, "yaml"),
        ("[" * DEEP, "json"),
        ("[" * DEEP + "]" * DEEP, "json"),
        ('{"a":' * DEEP + "1" + "}" * DEEP, "json"),
        ("[" * 5_000_000, "json"),
        ("[" * DEEP, None),
        ('{"a":' * DEEP, None),
        ("[" * 101 + "]" * 101, "json"),
        ("[" * 101 + "]" * 101, "yaml"),
    ],
    ids=lambda value: repr(value)[:16],
)
def test_nesting_without_end(text: str, format: Format | None) -> None:
    (diagnostic,) = found(text, format)
    assert diagnostic.code == "too-deep"
    assert "100 levels" in diagnostic.message
    assert diagnostic.line is not None


def test_states_within_states_within_states() -> None:
    inner = "{}"
    for _ in range(48):
        inner = f"{{initial: a, states: {{a: {inner}}}}}"
    assert read(f"{{initialState: a, states: {{a: {inner}}}}}").name == "machine"
    for _ in range(10_000):
        inner = f"{{initial: a, states: {{a: {inner}}}}}"
    assert codes(f"{{initialState: a, states: {{a: {inner}}}}}") == {"too-deep"}


def test_steps_within_steps_within_steps() -> None:
    def nested(levels: int) -> str:
        inner = '{"id": "s0"}'
        for i in range(1, levels):
            inner = f'{{"id": "s{i}", "type": "condition", "condition": true, "then": {inner}}}'
        return f'{{"steps": [{inner}]}}'

    for kind in FORMATS:
        workflow = read(nested(98), format=kind)
        assert len(compile_definition(workflow).regions) == 99
        assert read(to_json(workflow)) == read(to_yaml(workflow)) == workflow
        assert codes(nested(99), kind) == {"too-deep"}
        assert codes(nested(3_000), kind) == {"too-deep"}


def test_ten_thousand_steps() -> None:
    steps = [{"id": f"s{i}", "dependsOn": [f"s{i - 1}"] if i else []} for i in range(10_000)]
    workflow = read(json.dumps({"steps": steps}))
    assert isinstance(workflow, Workflow)
    assert len(workflow.steps) == 10_000
    assert workflow.places.line(("steps", 9_999, "dependsOn", 0)) == 1
    block = read(json.dumps({"steps": [{"id": "block", "type": "parallel", "steps": steps}]}))
    assert isinstance(block, Workflow)
    assert block.steps[0].steps == workflow.steps


def test_aliases_of_steps_are_read_and_their_ids_are_doubles() -> None:
    workflow = read("steps:\n  - &a {id: a}\n  - {<<: *a, id: b}\n  - *a")
    assert isinstance(workflow, Workflow)
    assert [step.id for step in workflow.steps] == ["a", "b", "a"]
    with pytest.raises(CompileError) as caught:
        compile_definition(workflow)
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["duplicate-step"]


def test_many_laughs() -> None:
    laughs = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    laughs += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    assert codes("\n".join(laughs)) == {"too-many-aliases"}


def test_merged_laughs() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{i}: x" for i in range(1000)) + "}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 50)}], x{i}: 1}}" for i in range(1, 50)]
    assert codes("\n".join(lines)) == {"too-many-aliases"}


def test_a_deep_alias() -> None:
    text = "a0: &a0 [x]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 200))
    assert "too-deep" in codes(text)


def test_aliases_of_states_are_fine() -> None:
    text = (
        "initialState: a\nstates:\n  a: &a {on: {GO: b}}\n  b: *a\n  c: {<<: *a, timeout: 5, timeoutTransition: a}"
    )
    machine = read(text)
    assert isinstance(machine, StateMachine)
    states = machine.states
    assert states["a"] == states["b"]
    assert states["c"].on == states["a"].on


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a {b: *a}", "states: &a\n  a: *a\ninitialState: a"])
def test_cycles(text: str) -> None:
    assert "cyclic-alias" in codes(text)


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 100_000, "9" * 1_000_000])
def test_numbers_without_end(number: str) -> None:
    state = machine('{"a": {"timeout": ' + number + ', "timeoutTransition": "a"}}')
    assert codes(state, "json") == {"huge-number"}
    assert codes(state, "yaml") == {"huge-number"}
    assert codes(state) == {"huge-number"}


@pytest.mark.parametrize("number", ["9" * 400, "9" * 3_590, "1e400"])
def test_large_numbers(number: str) -> None:
    state = machine('{"a": {"timeout": ' + number + ', "timeoutTransition": "a"}}')
    assert codes(state) <= {"bad-duration", "not-finite"}
    data = machine('{"a": {}}, "context": {"n": ' + number + "}")
    if "e" not in number:
        found = read(data)
        assert isinstance(found, StateMachine)
        assert found.context["n"] == int(number)
    assert codes(machine('{"a": {}}, "pricing": {"model": "time-based", "rate": ' + number + "}")) <= {
        "out-of-range",
        "not-finite",
    }


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_and_noise(format: Format | None) -> None:
    for text in (
        b"",
        b"\x00",
        b"\x00" * 1000,
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"SQLite format 3\x00\x10\x00",
        b"\x1f\x8b\x08",
    ):
        assert found(text, format)


def test_ten_megabytes_of_yaml() -> None:
    text = "a: b\n" * 2_000_000
    assert codes(text, "yaml") == {"too-large"}
    assert codes(text) == {"too-large"}


def test_a_megabyte_of_duplicate_keys() -> None:
    told = found("a: b\n" * 200_000, "yaml")
    assert len(told) == MOST_TOLD + 1
    assert told[-1].code == "too-many-mistakes"


@pytest.mark.parametrize(
    "states",
    [
        '{"a": {"always": [' + "1," * 100_000 + "1]}}",
        '{"a": {"on": {"E": [' + "[1]," * 50_000 + "1]}}}",
        "{" + ",".join(f'"{i}":1' for i in range(50_000)) + "}",
        '{"a": {' + ",".join(f'"k{i}":1' for i in range(50_000)) + "}}",
        "{"
        + ",".join(f'"s{i}":' + "{" + ",".join(f'"k{j}":1' for j in range(100)) + "}" for i in range(5_000))
        + "}",
    ],
    ids=["list", "lists", "states", "keys", "states of keys"],
)
def test_more_mistakes_than_anybody_reads(states: str) -> None:
    told = found(machine(states), "json")
    assert len(told) == MOST_TOLD + 1
    assert told[-1].code == "too-many-mistakes"


@pytest.mark.parametrize(
    "steps",
    [
        "[" + "1," * 100_000 + "1]",
        "[" + "{}," * 100_000 + "{}]",
        "[{" + ",".join(f'"k{i}":1' for i in range(50_000)) + "}]",
        '[{"id": "a", "dependsOn": [' + "1," * 100_000 + "1]}]",
        "[" + ",".join('{"id":"a","type":"wait","strategy":"any","handler":1}' for _ in range(5_000)) + "]",
        '[{"id":"a","type":"parallel","steps":[' + '{"id":"","then":{},"else":{}},' * 20_000 + "{}]}]",
        '[{"id":"a","compensation":{"steps":[' + "{}," * 50_000 + "{}]}}]",
    ],
    ids=["list", "steps", "keys", "dependencies", "misfits", "block", "actions"],
)
def test_more_mistakes_in_steps_than_anybody_reads(steps: str) -> None:
    told = found('{"steps": ' + steps + "}", "json")
    assert len(told) == MOST_TOLD + 1
    assert told[-1].code == "too-many-mistakes"


def test_messages_stay_short() -> None:
    key = "k" * 500_000
    text = json.dumps(
        {"initialState": "a", "states": {key: {key: 1, "on": {key: [5, 6], "E": key}}, "a": {"x": key}}}
    )
    steps = json.dumps(
        {"steps": [{"id": key, key: 1, "type": key, "onError": key}, {"id": "a", "dependsOn": [key]}]}
    )
    for diagnostic in found(text) + found(text, "yaml") + found(steps) + found(steps, "yaml"):
        assert len(str(diagnostic)) < 2_000


@given(st.binary(max_size=200))
@example(b"\xf4\x90\x80\x80")
@settings(deadline=None)
def test_random_bytes(data: bytes) -> None:
    for kind in FORMATS:
        assert found(data, kind)


@given(st.text(st.sampled_from("{}[]:,-?&*!|>'\"%@`#~<.\\\n\t 0aeE+x\u2028\x85\ufeff"), max_size=60))
@settings(max_examples=500, deadline=None)
def test_random_punctuation(text: str) -> None:
    for kind in FORMATS:
        assert found(text, kind)


MUTATED = {
    "yaml": [ORDER.encode(), INVOICE.encode(), EVERYTHING.encode()],
    "json": [
        json.dumps({"initialState": "a", "states": {"a": {"on": {"E": "a"}}}}).encode(),
        json.dumps({"steps": [{"id": "a", "type": "condition", "condition": True, "then": {"id": "b"}}]}).encode(),
    ],
}


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_file_with_something_torn_out_or_put_in(data: st.DataObject) -> None:
    kind: Format = data.draw(st.sampled_from(["yaml", "json"]))
    text = data.draw(st.sampled_from(MUTATED[kind]))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    torn = (
        text[:start]
        + data.draw(st.binary(max_size=5) | st.sampled_from([b"\t", b"- ", b": ", b"{", b'"', b"*a"]))
        + text[end:]
    )
    told = told_of(torn, kind)
    assert told != []
    assert all(diagnostic.line is not None for diagnostic in told or ())


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab $/", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "states",
                        "initialState",
                        "initial",
                        "on",
                        "always",
                        "E",
                        "target",
                        "guard",
                        "actions",
                        "type",
                        "set",
                    ),
                    *(
                        "onEntry",
                        "invoke",
                        "handler",
                        "params",
                        "retry",
                        "maxAttempts",
                        "timeout",
                        "terminal",
                        "steps",
                    ),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, json_values)
@settings(max_examples=500, deadline=None)
def test_any_value_anywhere(state: object, transition: object) -> None:
    value = {"initialState": "a", "states": {"a": state, "b": {"on": {"E": transition}}}}
    assert told_of(json.dumps(value)) != []


step_keys = [camel(field.name) for field in attrs.fields(Step)]
step_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("b $/", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*step_keys, "quorum", "maxAttempts", "action", "escalateTo"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(list(STEP_FITTING)),
    st.dictionaries(st.sampled_from(step_keys), step_values, max_size=4),
    step_values,
)
@settings(max_examples=300, deadline=None)
def test_any_value_anywhere_in_a_step(kind: str, step: dict[str, object], errors: object) -> None:
    told = told_of(json.dumps({"steps": [{"id": "x", "type": kind, **step}], "errorHandling": errors}, indent=1))
    assert told != []
    assert all(diagnostic.line is not None for diagnostic in told or ())
