"""What was recorded is replayed: a change of the interpreter that would break instances that run is caught here."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from statewf.engines.temporal import wire
from statewf.engines.temporal.workflow import Interpreter

HISTORIES = {file: file.read_text() for file in sorted((Path(__file__).parent / "histories").glob("*.json"))}


def instance_of(file: Path) -> str:
    """The workflow's id, which tasks and keys begin with."""
    _, name, *rest, _ = file.stem.split("-")
    return f"{name}:{'-'.join(rest)}"


@pytest.mark.anyio
@pytest.mark.parametrize("later", [0, 1], ids=["this", "the next"])
@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
async def test_a_recorded_history_is_made_again(file: Path, later: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "VERSION", wire.VERSION + later)
    history = WorkflowHistory.from_json(instance_of(file), HISTORIES[file])
    found = await Replayer(workflows=[Interpreter]).replay_workflow(history, raise_on_replay_failure=False)
    assert found.replay_failure is None


def test_there_are_histories_of_this_interpreter_with_all_it_does() -> None:
    mine = [text for file, text in HISTORIES.items() if file.stem.startswith(f"{wire.VERSION}-")]
    for kind in (
        *("ACTIVITY_TASK_SCHEDULED", "ACTIVITY_TASK_FAILED", "TIMER_STARTED", "TIMER_FIRED", "UPDATE_COMPLETED"),
        *("ACTIVITY_TASK_CANCEL_REQUESTED", "TIMER_CANCELED", "EXECUTION_SIGNALED"),
        *("CONTINUED_AS_NEW", "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"),
    ):
        assert any(kind in text for text in mine), kind
