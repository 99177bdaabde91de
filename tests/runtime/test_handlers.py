"""Handlers by module: which functions count, what they answer to, and what is told when it goes wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from statewf.errors import HandlersError
from statewf.runtime.handlers import import_handlers, missing
from tests.runtime.support import PAYMENT


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """A module of that source, under a name of its own."""
    name = f"handlers_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(request.param)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


FUNCTIONS = """
from os.path import join
def check_order(call): ...
async def charge(call): ...
def _private(call): ...
table = {"other": charge}
broken = {"x": 1}
"""


@pytest.mark.parametrize("module", [FUNCTIONS], indirect=True)
def test_public_functions_answer_to_their_names_with_hyphens_too(module: str) -> None:
    assert set(import_handlers(module)) == {"check_order", "check-order", "charge"}


@pytest.mark.parametrize("module", [FUNCTIONS], indirect=True)
def test_a_mapping_can_be_named(module: str) -> None:
    assert set(import_handlers(f"{module}:table")) == {"other"}
    with pytest.raises(HandlersError, match="not a mapping"):
        import_handlers(f"{module}:broken")
    with pytest.raises(HandlersError, match="has no nothing"):
        import_handlers(f"{module}:nothing")


@pytest.mark.parametrize("module", ["def f(call): ...\nhandlers = {'g': f}"], indirect=True)
def test_a_mapping_called_handlers_is_all_there_is(module: str) -> None:
    assert set(import_handlers(module)) == {"g"}


@pytest.mark.parametrize("module", ["1 / 0", "def f(:", "raise SystemError('no')"], indirect=True)
def test_a_module_that_does_not_import_is_told_in_one_line(module: str) -> None:
    with pytest.raises(HandlersError, match="cannot be imported") as told:
        import_handlers(module)
    assert "\n" not in str(told.value)


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(HandlersError, match="cannot be imported"):
        import_handlers("no_such_module_anywhere")


def test_what_is_missing_is_listed() -> None:
    error = missing(PAYMENT, {"charge": lambda _: None})
    assert error is not None
    assert [told.message for told in error.diagnostics] == ["payment calls thank, which no handler answers to"]
    assert missing(PAYMENT, {"charge": lambda _: None, "thank": lambda _: None}) is None
