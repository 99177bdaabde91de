"""`python -m tests.benchmarks NAME [--json]`."""

from __future__ import annotations

import argparse
from importlib import import_module

NAMES = ("check", "dag", "durable", "history", "http", "latency", "pages", "parked", "simulate", "step", "temporal")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure statewf beside its peers."
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args()
    import_module(f"tests.benchmarks.{chosen.name}").run().tell(chosen.json)


main()
