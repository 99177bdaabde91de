"""How benchmarks measure: everybody in turn, several rounds, medians; and how they tell it."""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

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
            "ours": round(self.ours, 1),
            "others": {name: round(other, 1) for name, other in self.others.items()},
            "ratios": ratios,
            "detail": dict(self.detail),
        }

    def tell(self, as_json: bool) -> None:
        document = self.document()
        if as_json:
            print(json.dumps(document, indent=2))
            return
        print(f"{self.name}, {self.unit}")
        print(f"  {'statewf':<28} {self.ours:>14,.1f}")
        for name, figure in self.others.items():
            print(f"  {name:<28} {figure:>14,.1f}   ours is {document['ratios'][name]:g} times that")
        for name, value in self.detail.items():
            print(f"  {name}: {value}")


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
