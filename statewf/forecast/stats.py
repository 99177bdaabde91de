"""What a survey comes to, as figures and as JSON: `statewf stats`.

Below: `survey`, `outlook`, whose quantiles these are. Above: the command line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import attrs

from statewf.forecast.outlook import Figures, figures
from statewf.forecast.survey import Answered, Survey, Word


@attrs.frozen
class PlaceStats:
    """A state or a step: how often it was entered, tried again and timed out, how long visits took (ms), how steps settled.

    `time` is how long all visits took together (ms).
    """

    name: str
    visits: int
    retries: int
    timeouts: int
    lasted: Figures[int] | None
    ends: dict[str, int]
    time: int


@attrs.frozen
class WayStats:
    """A way between states: how often it was taken, and by which share of those who left the state."""

    source: str
    by: str
    target: str
    times: int
    share: float


@attrs.frozen
class CallStats:
    """A handler, or a task: how often each outcome was seen, and how long those took (ms)."""

    name: str
    outcomes: dict[str, int]
    lasted: Figures[int] | None


@attrs.frozen
class Stats:
    """All instances of a machine. `ends` count those that ended, by state and outcome; the others still run."""

    machine: str
    instances: int
    ends: dict[tuple[str, str], int]
    lasted: Figures[int] | None
    places: tuple[PlaceStats, ...]
    ways: tuple[WayStats, ...]
    handlers: tuple[CallStats, ...]
    tasks: tuple[CallStats, ...]

    @property
    def running(self) -> int:
        """How many have not ended."""
        return self.instances - sum(self.ends.values())

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "machine": self.machine,
            "instances": self.instances,
            "running": self.running,
            "ends": [{"state": state, "outcome": outcome, "count": n} for (state, outcome), n in self.ends.items()],
            "duration": None if self.lasted is None else attrs.asdict(self.lasted),
            **{
                key: [attrs.asdict(one) for one in getattr(self, key)]
                for key in ("places", "ways", "handlers", "tasks")
            },
        }


def stats(machine: str, survey: Survey) -> Stats:
    """What the survey comes to: places and handlers in the order in which they were first seen."""
    return Stats(
        machine,
        survey.instances,
        dict(survey.ends.most_common()),
        _figures(survey.lasted),
        tuple(
            PlaceStats(
                name,
                each.visits,
                each.retries,
                each.timeouts,
                _figures(each.lasted),
                dict(each.ends.most_common()),
                sum(each.lasted),
            )
            for name, each in survey.places.items()
        ),
        tuple(_ways(survey)),
        tuple(_calls(name, calls) for name, calls in survey.calls.items()),
        tuple(_words(name, words) for name, words in survey.tasks.items()),
    )


def _ways(survey: Survey) -> Iterable[WayStats]:
    left: Counter[str] = Counter()
    for (source, _, _), times in survey.moves.items():
        left[source] += times
    for (source, by, target), times in survey.moves.items():
        yield WayStats(source, by, target, times, times / left[source])


def _calls(name: str, calls: list[Answered]) -> CallStats:
    outcomes = Counter(f"answered {call.what}" if call.outcome == "answered" else call.outcome for call in calls)
    return CallStats(name, dict(outcomes.most_common()), _figures([call.lasted for call in calls]))


def _words(name: str, words: list[Word]) -> CallStats:
    outcomes = Counter(word.decision or "nobody decided" for word in words)
    return CallStats(name, dict(outcomes.most_common()), _figures([word.lasted for word in words]))


def _figures(times: list[int]) -> Figures[int] | None:
    return figures({time: float(number) for time, number in Counter(times).items()})
