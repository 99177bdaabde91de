"""How benchmarks measure: everybody in turn, several rounds, medians; and how they tell it."""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs


@attrs.frozen
class Result:
    """One benchmark's figures; `ratios` are ours by others'."""

    name: str
    unit: str
    ours: float
    others: Mapping[str, float]
    detail: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        ratios = {name: round(self.ours / other, 3) for name, other in self.others.items() if other}
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": shown(self.ours),
            "others": {name: shown(other) for name, other in self.others.items()},
            "ratios": ratios,
            "detail": dict(self.detail),
        }

    def tell(self, as_json: bool) -> None:
        document = self.document()
        if as_json:
            print(json.dumps(document, indent=2))
            return
        print(f"{self.name}, {self.unit}")
        print(f"  {'statewf':<28} {document['ours']:>14,}")
        for name, figure in document["others"].items():
            print(f"  {name:<28} {figure:>14,}   ours is {document['ratios'][name]:g} times that")
        print(*lines(self.detail), sep="\n")


def shown(figure: float) -> float:
    """A figure without the digits that the next run changes."""
    return round(figure, 1 if figure >= 100 else 4)


def lines(detail: Mapping[str, Any], margin: str = "  ") -> Iterator[str]:
    """What else there is to tell, for people; tables in tables are moved in."""
    for name, value in detail.items():
        if isinstance(value, Mapping):
            yield f"{margin}{name}:"
            yield from lines(value, margin + "  ")
        else:
            yield f"{margin}{name}: {value}"


def percentiles(seconds: Sequence[float], unit: float) -> dict[str, float]:
    """The median, and what is not passed by 95 and by 99 of a hundred, in units of which a second has so many."""
    cuts = statistics.quantiles(seconds, n=100)
    return {f"p{part}": round(cuts[part - 1] * unit, 4) for part in (50, 95, 99)}


def memory(which: str, process: int | Literal["self"] = "self") -> float:
    """MiB of a process, this one: `VmRSS` as it is, `VmHWM` the most it was. Only Linux tells."""
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(which))
    return int(line.split()[1]) / 1024


def progress(message: str) -> None:
    """Tell people, beside the document, what takes so long."""
    print(message, file=sys.stderr, flush=True)


def rates(runs: Mapping[str, Callable[[], Callable[[], int]]], rounds: int) -> dict[str, float]:
    """Things done a second by each run, the median of the rounds.

    A run prepares what is not to be timed, and gives what is, which returns how many things it did.
    """
    seen: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, prepare in runs.items():
            run = prepare()
            gc.collect()
            gc.freeze()  # the collector walks what this run makes, not what a dozen imports left behind
            began = time.perf_counter()
            done = run()
            seen[name].append(done / (time.perf_counter() - began))
            gc.unfreeze()
    return {name: statistics.median(figures) for name, figures in seen.items()}
