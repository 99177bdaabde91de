"""Benchmarks: `python -m tests.benchmarks NAME [--json]`.

Every figure stands beside a peer's or a limit's, measured in the same run, in turn, over several rounds;
the medians are told. Nothing here is asserted.
"""
