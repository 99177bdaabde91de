"""Properties that are told by a sweep, or by a few runs, beside a look at all runs."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from statewf import Absence, Always, Existence, Precedence, Response, Sometimes
from statewf.checker import check
from statewf.checker.census.counts import ENDED, census
from statewf.checker.census.proofs import by_counting
from statewf.checker.runs.exploring import explored
from statewf.checker.runs.narrow import narrowly
from statewf.checker.runs.search import Space
from statewf.checker.runs.verdict import verdict
from statewf.checker.words.question import question
from statewf.compiler import compile_definition
from statewf.definition.properties import Property
from statewf.definition.workflow import Step, Workflow
from statewf.expr import Expression
from statewf.machine.fsm import Machine
from statewf.machine.naming import base
from tests.checker.census.test_sweep import free_workflows, wide

FEW = 1_000  # configurations that are gone to


def properties(machine: Machine) -> st.SearchStrategy[Property]:
    """Any without a scope, `absence` also with one, and conditions over where steps are."""
    named = {f"{region.name}:{base(state)}": None for region in machine.regions for state in region.states}
    atoms = st.sampled_from(list(named))
    few = st.lists(atoms, min_size=1, max_size=3)
    listed = [f"includes(state, '{name}')" for name in named if not name.endswith(":waiting")]
    steps = [region.name for region in machine.regions[1:]]
    read = [text for step in steps for text in (f"attempts.{step} === 2", f"results.{step} === undefined")]
    parts = st.sampled_from(listed) | st.sampled_from(listed) | st.sampled_from(read)
    conditions = st.lists(parts, min_size=1, max_size=3).flatmap(
        lambda parts: st.sampled_from([_sentence(form, parts) for form in FORMS])
    )
    return st.one_of(
        st.builds(Absence, atoms),
        st.builds(lambda one, other: Absence([one, other]), atoms, atoms),
        st.builds(
            lambda one, after, until: Absence(one, after=after, until=until), atoms, atoms, st.none() | atoms
        ),
        st.builds(Always, conditions, after=st.none() | st.none() | atoms),
        st.builds(Sometimes, conditions),
        st.builds(Existence, few),
        st.builds(lambda some: Existence([*some, "workflow:cancelled", "workflow:failed"]), few),
        st.builds(Precedence, atoms, atoms),
        st.builds(Response, atoms, few),
    )


FORMS = ("{} && !{}", "{} || {}", "!{}", "{} && {} || !{}", "{} ? !{} : {}")


def _sentence(form: str, parts: list[str]) -> str:
    """A condition over some of these parts."""
    return form.format(*(f"({parts[at % len(parts)]})" for at in range(3)))


@given(free_workflows(), st.data())
@settings(deadline=None)
def test_what_is_proved_is_so_and_what_happens_is_known(definition: Workflow, drawn: st.DataObject) -> None:
    """Of what happens at all, and together, a sweep knows everything; of orders only what is certain."""
    machine = compile_definition(definition)
    counted = census(machine)
    assume(counted is not None and counted.total <= FEW)
    asked = [question(machine, drawn.draw(properties(machine))) for _ in range(3)]
    space = Space(explored(machine, 4 * FEW, asked))
    assume(space.found.whole)  # attempts and results make more of a configuration
    for one in asked:
        swept, found = by_counting(machine, one), verdict(machine, space, one)
        none = "refuted" if isinstance(one.asked, Sometimes) else "proved"
        note(f"{one.text}: {swept}, {found.answer}")
        if swept is not None:
            assert swept.answer == found.answer == none
            assert found.idle == swept.idle
        elif (isinstance(one.asked, Absence | Existence) and not one.monitor.after) or (
            isinstance(one.condition, Expression) and one.condition.reads == (("state",),) and not one.monitor.after
        ):
            assert found.answer != none


@given(free_workflows(), st.data())
@settings(deadline=None)
def test_what_few_runs_show_is_so(definition: Workflow, drawn: st.DataObject) -> None:
    machine = compile_definition(definition)
    counted = census(machine)
    assume(counted is not None and counted.total <= FEW)
    asked = question(machine, drawn.draw(properties(machine)))
    found = verdict(machine, Space(explored(machine, 4 * FEW, [asked])), asked)
    for few in narrowly(machine, asked, FEW):
        shown = verdict(machine, Space(few), asked)
        note(f"{asked.text}: {shown.answer}, {found.answer}")
        assert shown.answer in ("undetermined", "possible", found.answer)
        if shown.run is not None and shown.told is not None and not any(move.free for move in shown.run.moves):
            assert found.run is not None
            assert shown.run.end == "circles" or len(shown.run.moves) >= len(found.run.moves)


AMID = "!includes(state, 'b7:running') || includes(state, 'b:running') || !includes(state, 'workflow:running')"


@pytest.mark.parametrize(
    ("asked", "answer", "moves"),
    [
        (Absence("z"), "refuted", 203),
        (Existence("workflow:completed"), "refuted", 3),
        (Absence("b7:failed"), "refuted", 3),
        (Absence("workflow:compensated"), "refuted", 203),
        (Precedence("b1", "b2"), "refuted", 3),
        (Response("a", ["z", "workflow:cancelled"]), "refuted", None),
        (Absence("z:running", after="b7:failed"), "proved", None),
        (Always(AMID), "proved", None),
        (Always("!includes(state, 'z:running')"), "refuted", 202),
        (Sometimes("includes(state, 'z:succeeded') && includes(state, 'workflow:completed')"), "proved", 203),
        (Sometimes("includes(state, 'z:running') && includes(state, 'b7:running')"), "refuted", None),
    ],
    ids=str,
)
def test_a_wide_block_is_answered_for_without_going_all_runs(
    asked: Property, answer: str, moves: int | None
) -> None:
    report = check(attrs.evolve(wide(200), properties=(asked,)))
    (found,) = report.verdicts
    assert found.answer == answer
    assert not report.bounded
    if moves is not None:
        assert found.run is not None
        assert len(found.run.moves) == moves


@pytest.mark.parametrize(
    "holding",
    [
        Precedence("a", "b:running"),
        Precedence("b", "z:running"),
        Precedence("b7", "z"),
        Precedence("a", "a:compensating"),
        Absence(["b7:failed", "workflow:completed"]),
        Absence(["z", "workflow:failed"]),
        Existence([f"workflow:{end}" for end in ENDED]),
        Response("b:running", ["b", "b:failed", "b:cancelled"]),
        Response("a", ["b:running", *(f"workflow:{end}" for end in ENDED)]),
        Response("b7:running", ["b7", "b7:failed", "b7:cancelled"]),
    ],
    ids=str,
)
def test_what_holds_of_a_wide_block_is_proved_and_nobody_goes_there(holding: Property) -> None:
    report = check(attrs.evolve(wide(200), properties=(holding,)))
    assert [found.answer for found in report.verdicts] == ["proved"]
    assert (report.ok, report.visited, report.bounded) == (True, None, False)


def test_what_nothing_else_tells_is_looked_for_among_all_runs() -> None:
    asked = (Precedence("z", "b:running", after="b7:running"), Precedence("a", "b:running"))
    report = check(attrs.evolve(wide(20), properties=asked), limit=100)
    assert [found.answer for found in report.verdicts] == ["undetermined", "proved"]
    assert report.visited == 100 + 5 * 100, "among all, and among few of five kinds"
    assert (report.ok, report.bounded) == (False, True)


def test_a_property_without_a_case_is_proved_and_told() -> None:
    definition = wide(20)
    definition = attrs.evolve(definition, steps=(*definition.steps, Step("rest", type="wait", duration=5)))
    report = check(attrs.evolve(definition, properties=(Response("rest:failed", "rest"),)))
    assert [(found.answer, found.idle) for found in report.verdicts] == [("proved", True)]
    assert [finding.rule for finding in report.findings if finding.rule != "unused-retry"] == ["idle-property"]
