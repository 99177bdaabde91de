"""Properties that are proved by a sweep, beside a look at all runs."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from statewf import Absence, Existence, Precedence, Response
from statewf.checker import check
from statewf.checker.census.counts import ENDED, census
from statewf.checker.census.proofs import proved
from statewf.checker.proving import explored
from statewf.checker.runs.search import Space
from statewf.checker.runs.verdict import verdict
from statewf.checker.words.atoms import base
from statewf.checker.words.question import question
from statewf.compiler import compile_definition
from statewf.definition.properties import Property
from statewf.definition.workflow import Step, Workflow
from statewf.machine.fsm import Machine
from tests.checker.census.test_sweep import free_workflows, wide

FEW = 1_000  # configurations that are gone to


def properties(machine: Machine) -> st.SearchStrategy[Property]:
    """Any that has no scope and no condition."""
    named = {f"{region.name}:{base(state)}": None for region in machine.regions for state in region.states}
    atoms = st.sampled_from(list(named))
    few = st.lists(atoms, min_size=1, max_size=3)
    return st.one_of(
        st.builds(Absence, atoms),
        st.builds(lambda one, other: Absence([one, other]), atoms, atoms),
        st.builds(Existence, few),
        st.builds(lambda some: Existence([*some, "workflow:cancelled", "workflow:failed"]), few),
        st.builds(Precedence, atoms, atoms),
        st.builds(Response, atoms, few),
    )


@given(free_workflows(), st.data())
@settings(deadline=None)
def test_what_is_proved_is_so_and_what_happens_is_known(definition: Workflow, drawn: st.DataObject) -> None:
    """Of what happens at all, and together, a sweep knows everything; of orders only what is certain."""
    machine = compile_definition(definition)
    counted = census(machine)
    assume(counted is not None and counted.total <= FEW)
    asked = [question(machine, drawn.draw(properties(machine))) for _ in range(3)]
    space = Space(explored(machine, 4 * FEW, asked))
    assert space.found.whole
    for one in asked:
        told, found = proved(machine, one), verdict(machine, space, one)
        note(f"{one.text}: {told}, {found.answer}")
        if told is not None:
            assert (found.answer, found.idle) == ("proved", told.idle)
        elif isinstance(one.asked, Absence | Existence):
            assert found.answer != "proved"


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


def test_what_does_not_hold_is_looked_for() -> None:
    report = check(
        attrs.evolve(wide(20), properties=(Absence("a:failed"), Precedence("a", "b:running"))), limit=500
    )
    assert [found.answer for found in report.verdicts] == ["refuted", "proved"]
    assert report.visited == 500


def test_a_property_without_a_case_is_proved_and_told() -> None:
    definition = wide(20)
    definition = attrs.evolve(definition, steps=(*definition.steps, Step("rest", type="wait", duration=5)))
    report = check(attrs.evolve(definition, properties=(Response("rest:failed", "rest"),)))
    assert [(found.answer, found.idle) for found in report.verdicts] == [("proved", True)]
    assert [finding.rule for finding in report.findings if finding.rule != "unused-retry"] == ["idle-property"]
