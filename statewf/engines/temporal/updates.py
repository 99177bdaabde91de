"""The updates of an instance: how many a run has had, and what those were answered whose senders may never have heard of it.

Temporal answers an update again that it knows by its id, but only within one run; what was answered in the runs before goes along
here. Runs in the workflow. Above: `workflow`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from temporalio import workflow

from statewf.engines.temporal import limits

Answer = dict[str, Any]


class Updates:
    """The updates of one run; `before` are the ids and answers of those before it, the oldest first."""

    def __init__(self, before: Iterable[tuple[str, Answer]]) -> None:
        self.count = 0
        self._answers = dict(before)

    @property
    def answers(self) -> list[tuple[str, Answer]]:
        """What the next run is told. On the wire a mapping would lose its order."""
        return list(self._answers.items())

    @property
    def known(self) -> Answer | None:
        """What the update that is made now was answered in a run before."""
        return self._answers.get(_id())

    def begun(self) -> Answer | None:
        """Count the update that is made now; what it was answered before."""
        self.count += 1
        return self.known

    def answered(self, answer: Answer) -> Answer:
        """Keep the answer of the update that is made now. That of one that was refused in the end is not kept: it uses up nothing."""
        if "error" not in answer:
            self._answers[_id()] = answer
            if len(self._answers) > limits.ANSWERS:
                del self._answers[next(iter(self._answers))]
        return answer


def _id() -> str:
    info = workflow.current_update_info()
    assert info is not None, "it is asked within an update"
    return info.id
