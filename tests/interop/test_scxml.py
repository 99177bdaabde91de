"""SCXML documents: what is held, compiled away, refused; files that mean harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from statewf.definition.model import Assign, Raise, State, StateMachine, Transition
from statewf.errors import ConversionError
from statewf.expr import parse
from statewf.interop import scxml
from statewf.simulator import Driver

HEAD = '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="m" datamodel="ecmascript" '


def document(body: str, attributes: str = "") -> str:
    return f"{HEAD}{attributes}>{body}</scxml>"


def read(body: str, attributes: str = "") -> StateMachine:
    return scxml.read(document(body, attributes)).definition


def refused(text: str | bytes) -> list[tuple[str, str, int | None]]:
    with pytest.raises(ConversionError) as caught:
        scxml.read(text)
    return [(found.code, found.message, found.line) for found in caught.value.diagnostics]


# --- what is held


def test_states_transitions_and_what_they_do() -> None:
    assert read("""
        <datamodel><data id="n" expr="1"/><data id="who"/></datamodel>
        <state id="a">
          <onentry><assign location="n" expr="n + 1"/><raise event="go"/></onentry>
          <transition event="go stop" cond="n === 2 &amp;&amp; In('a')" target="b"/>
          <transition event="*"><assign location="who" expr="_event.name"/></transition>
          <transition cond="n > 5" target="end"/>
        </state>
        <state id="b"><transition event="go" target="a"/></state>
        <final id="end"/>""") == StateMachine(
        "m",
        "a",
        {
            "a": State(
                on={
                    "go": Transition("b", guard='context.n === 2 && includes(state, "a")'),
                    "stop": Transition("b", guard='context.n === 2 && includes(state, "a")'),
                    "*": Transition(actions=[Assign({"who": "event.name"})]),
                },
                always=[Transition("end", guard="context.n > 5")],
                on_entry=[Assign({"n": "context.n + 1"}), Raise("go")],
            ),
            "b": State(on={"go": "a"}),
            "end": State(terminal=True),
        },
        unexpected="ignore",
        context={"n": 1, "who": None},
    )


def test_nesting_histories_and_done_events() -> None:
    definition = read("""
        <state id="out"><transition event="back" target="was"/></state>
        <parallel id="p">
          <history id="was" type="deep"><transition target="a b"/></history>
          <transition event="done.state.a" target="out"/>
          <state id="a"><initial><transition target="a2"/></initial>
            <state id="a1"><transition event="x" target="a2"/></state><state id="a2"><transition event="x" target="a3"/></state>
            <final id="a3"/>
            <transition event="in" type="internal" target="a1"/></state>
          <state id="b"/>
        </parallel>""")
    out, parallel = definition.states["out"], definition.states["p"]
    assert out.on == {"back": (Transition("p.was"),)}
    assert parallel.parallel
    assert parallel.states["was"] == State(history="deep", initial=["a", "b"])
    assert parallel.on == {"done.state.p.a": (Transition("out"),)}
    assert parallel.states["a"].initial == "a2"
    assert parallel.states["a"].on == {"in": (Transition("a1", internal=True),)}
    driver = Driver(definition)
    states = [driver.state]
    for event in ("back", "x", "back"):
        driver.send(event)
        states.append(driver.state)
    assert states == ["out", "p.a.a2+p.b", "out", "out"]  # in a3 it is finished at once, also when it comes back


def test_an_event_may_be_sent_for_later() -> None:
    driver = Driver(
        read("""
        <state id="a"><onentry><send event="s" delay="1.5s"/><send event="t"/></onentry>
          <transition event="t" target="b"/></state>
        <state id="b"><transition event="s" target="c"/></state><state id="c"/>""")
    )
    assert driver.state == "a"
    driver.advance(0)
    assert driver.state == "b"
    driver.advance(1.499)
    assert driver.state == "b"
    driver.advance(0.001)
    assert driver.state == "c"


@pytest.mark.parametrize(("n", "found"), [(0, 11), (1, 25), (2, 30), (3, 3)])
def test_an_if_is_worked_out(n: int, found: int) -> None:
    """Each branch once by hand: 0 + 10 + 1; 1 + 4, times 5; 3 times 10; and none is taken."""
    driver = Driver(
        read(f"""
        <datamodel><data id="x" expr="{n}"/></datamodel>
        <state id="a"><transition event="t"><if cond="x === 0">
            <assign location="x" expr="x + 10"/><assign location="x" expr="x + 1"/>
          <elseif cond="x === 1"/>
            <assign location="x" expr="x + 4"/>
            <if cond="x === 5"><assign location="x" expr="x * 5"/><else/><assign location="x" expr="0"/></if>
          <elseif cond="x === 2"/><assign location="x" expr="(x + 1) * 10"/>
        </if></transition></state>""")
    )
    driver.send("t")
    assert driver.context["x"] == found


def test_names_with_dots_take_what_begins_so() -> None:
    definition = read("""
        <state id="a"><transition event="*" target="b"/><transition event="foo.bar" target="c"/></state>
        <state id="b"><transition event="foo" target="c"/></state><state id="c"/>""")
    assert definition.states["a"].on == {"*": (Transition("b"),), "foo.bar.*": (Transition("b"), Transition("c"))}
    driver = Driver(definition)
    assert driver.send("foo.bar.x").state == "b"  # the first in the document, though it is less exact
    assert driver.send("foo.baz").state == "c"


def test_transitions_of_the_whole_are_tried_last() -> None:
    definition = read("""
        <transition event="x" target="b"/><state id="a"><transition event="x" cond="false" target="a"/></state>
        <state id="b"/>""")
    assert definition.states["a"].on["x"] == (Transition("a", guard="false"), Transition("b"))
    assert Driver(definition).send("x").state == "b"


def test_a_target_that_is_named_twice_is_one() -> None:
    assert read('<state id="a"><transition event="e" target="a a"/></state>').states["a"].on == {
        "e": (Transition("a"),)
    }


def test_a_start_may_lie_deep() -> None:
    assert Driver(read('<state id="a"><state id="b"/><state id="c"/></state>', 'initial="c"')).state == "a.c"


def test_what_is_left_out_or_made_different_is_told() -> None:
    imported = scxml.read(document(
        '<state id="a"><onentry><log expr="1"/></onentry><transition event="e" target="z"/></state>'
        '<final id="z"><onexit><raise event="e"/></onexit></final>'
    ))  # fmt: skip
    assert {remark.where for remark in imported.remarks} == {"<log>", "events", "z"}
    assert imported.definition.states["z"].on_entry == (Raise("e"),)


# --- what is refused

REFUSED = {
    '<state id="a"><onentry><script>x()</script></onentry></state>': "<script>",
    '<script src="x.js"/><state id="a"/>': "<script>",
    '<state id="a"><invoke type="scxml" src="other.scxml"/></state>': "<invoke>",
    '<state id="a"><onentry><foreach array="x" item="y"/></onentry></state>': "<foreach>",
    '<state id="a"><onentry><cancel sendid="x"/></onentry></state>': "<cancel>",
    '<state id="a"><onentry><send event="e" target="http://localhost/"/></onentry></state>': "<send> to http",
    '<state id="a"><onentry><send event="e" type="basichttp"/></onentry></state>': "of type basichttp",
    '<state id="a"><onentry><send event="e"><param name="x" expr="1"/></send></onentry></state>': "data in <send>",
    '<state id="a"><onentry><send eventexpr="1 + 1"/></onentry></state>': "no constant",
    '<state id="a"><onentry><send event="e" delay="soon"/></onentry></state>': "the delay soon",
    '<state id="a"><onentry><send/></onentry></state>': "without an event",
    '<datamodel><data id="x" src="/etc/passwd"/></datamodel><state id="a"/>': "src of <data>",
    '<datamodel><data id="x" expr="{}"/></datamodel><state id="a"/>': "<data> {}",
    '<state id="a"><transition event="e" cond="eval(1)"/></state>': "eval(1)",
    '<state id="a"><transition event="e" cond="x > 1"/></state>': "the variable x",
    '<state id="a"><transition event="e" cond="_event.sendid"/></state>': "_event.sendid",
    '<state id="a"><transition event="e" cond="In(\'b\')"/></state>': "no such state",
    '<state id="a"><transition cond="_event.name" target="a"/></state>': "_event without an event",
    '<state id="a"><transition event="error.execution" target="a"/></state>': "the event error.execution",
    '<state id="a"><transition/></state>': "without event, target and content",
    '<state id="a"><onentry><assign location="y" expr="1"/></onentry></state>': "assigning to y",
    '<state id="a"><onentry><if cond="true"><raise event="e"/></if></onentry></state>': "<raise> in <if>",
    '<state id="a"><donedata/></state>': "<donedata>",
}


@pytest.mark.parametrize(("body", "what"), REFUSED.items(), ids=REFUSED.values())
def test_what_cannot_be_converted_is_named(body: str, what: str) -> None:
    found = refused(document(body))
    assert {code for code, _, _ in found} == {"unsupported"}
    assert any(what in message for _, message, _ in found)
    assert all(line == 1 for _, _, line in found)


def test_all_mistakes_are_told_at_once_with_their_lines() -> None:
    found = refused(document('\n<state id="a">\n<transition event="e" target="x y"/>\n</state>\n<state id="a"/>'))
    assert [(code, line) for code, _, line in found] == [
        ("unknown-target", 3),
        ("unknown-target", 3),
        ("duplicate-id", 5),
    ]


@pytest.mark.parametrize("key", ['datamodel="xpath"', 'binding="late"'])
def test_other_data_models_are_refused(key: str) -> None:
    text = f'<scxml xmlns="http://www.w3.org/2005/07/scxml" {key}><state id="a"/></scxml>'
    assert [message for _, message, _ in refused(text)] == [f"{key} cannot be converted"]


# --- files that mean harm

BOMB = """<!DOCTYPE scxml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<scxml><state id="&b;"/></scxml>"""
THIEF = """<!DOCTYPE scxml [<!ENTITY x SYSTEM "file:///etc/passwd">]><scxml><state id="a">&x;</state></scxml>"""
MALICIOUS: dict[str, str | bytes] = {
    "entities within entities": BOMB,
    "an entity that names a file": THIEF,
    "nesting": "<scxml>" + "<state>" * 5_000,
    "elements": "<scxml>" + "<state/>" * 100_001 + "</scxml>",
    "bytes": b"x" * (10 * 1024 * 1024 + 1),
    "no XML": "just text",
    "nothing": b"",
    "half of it": "<scxml><state",
    "another root": "<html/>",
    "no states": "<scxml/>",
    "a surrogate": "<scxml>\ud800</scxml>",
}


@pytest.mark.parametrize("text", MALICIOUS.values(), ids=MALICIOUS)
def test_a_file_that_means_harm_is_refused(text: str | bytes) -> None:
    assert refused(text)


def test_no_name_in_a_document_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harm.py").write_text("import pathlib\npathlib.Path('done').touch()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for body in (
        '<script src="harm.py"/><state id="a"/>',
        '<state id="a"><transition event="e" cond="harm.do()"/></state>',
    ):
        refused(document(body))
    definition = read('<state id="harm.do"><transition event="harm.do" target="harm.do"/></state>')
    Driver(definition).send("harm.do")
    assert not Path("done").exists()


def test_a_condition_keeps_its_meaning() -> None:
    definition = read("""<datamodel><data id="x" expr="'In(a)'"/></datamodel>
        <state id="a"><transition event="e" cond="x === 'In(&quot;a&quot;)' || In(&quot;a&quot;)" target="a"/></state>""")
    (way,) = definition.states["a"].on["e"]
    assert way.guard == parse('context.x === "In(\\"a\\")" || includes(state, "a")')
