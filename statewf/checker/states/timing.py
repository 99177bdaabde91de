"""Rules about timeouts that cannot fire and retries that cannot happen. Only what is certain is said.

Below: `graph`. Above: `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from statewf.checker.findings import Finding
from statewf.checker.states.graph import Graph
from statewf.compiler.tree import Node
from statewf.machine.fsm import RETRY, Arm, Delay
from statewf.values.duration import spoken


def dead_timeout(graph: Graph) -> Iterator[Finding]:
    """A timeout in whose state no run ever waits, or that comes later than the one of a state around it.

    The state around is entered no later, so its timer is set no later; when it comes due, both are left.
    """
    for node in _entered(graph):
        timeout, outer = node.state.timeout, _soonest(node)
        if timeout is None:
            continue
        if node.name not in graph.nodes_resting:
            message, hint = f"this timeout can never fire: no run ever waits in {node.name}", "remove it"
        elif outer is not None and outer[0] <= timeout:
            message = f"this timeout can never fire: {outer[1].name} ends after {spoken(outer[0])}, and no later"
            hint = f"make it shorter than the timeout of {outer[1].name}, or remove it"
        else:
            continue
        yield graph.finding("dead-timeout", "warning", (*node.path, "timeout"), message, hint=hint)


def retry_never_fits(graph: Graph) -> Iterator[Finding]:
    """Attempts of which the last cannot begin before the timeout of a state around it."""
    for node in _entered(graph):
        retry, outer, wait = node.state.retry, _soonest(node), _wait(graph, node)
        if retry is None or outer is None or wait is None:
            continue
        waited = least(wait, retry.max_attempts - 1)
        if waited >= outer[0]:
            message = f"attempt {retry.max_attempts} does not fit: the waits before it take {spoken(waited)}, "
            message += f"and {outer[1].name} ends after {spoken(outer[0])}"
            hint = "shorten the delays, allow fewer attempts, or allow more time"
            yield graph.finding("retry-never-fits", "warning", (*node.path, "retry"), message, hint=hint)


def _wait(graph: Graph, node: Node) -> Delay | None:
    """The delay between two attempts of a state, if there is one and it can come to that."""
    ways = (edge.transition for edges in graph.rows.values() for edge in edges if edge.open)
    waits = (op for way in ways for op in way.entry if isinstance(op, Arm) and op.timer == RETRY + node.name)
    return next((op.delay for op in waits), None)


def unused_retry(graph: Graph) -> Iterator[Finding]:
    """A retry that never tries again."""
    for node in _entered(graph):
        retry = node.state.retry
        if retry is None:
            continue
        if retry.max_attempts == 1:
            message = "this retry never tries again: entering the state is the first attempt, and the only one"
            hint = "allow two attempts or more, or remove it"
        elif node.name not in graph.nodes_resting:
            message, hint = f"this retry never happens: no run ever waits in {node.name}", "remove it"
        else:
            continue
        yield graph.finding("unused-retry", "warning", (*node.path, "retry"), message, hint=hint)


def least(delay: Delay, times: int) -> int:
    """The least that the first `times` delays take together, in ms, without adding up a million of them."""
    if delay.jitter:
        return 0
    match delay.growth:
        case "constant":
            return times * delay.after(1, "")
        case "linear":
            rising = times if delay.cap is None or not delay.base else min(times, delay.cap // delay.base)
            return delay.base * rising * (rising + 1) // 2 + (times - rising) * (delay.cap or 0)
        case "exponential":
            rising = min(times, 64)  # from the 65th on they are all alike
            return sum(delay.after(n, "") for n in range(1, rising + 1)) + (times - rising) * delay.after(65, "")
        case _:
            assert_never(delay.growth)


def _entered(graph: Graph) -> Iterator[Node]:
    return (node for node in graph.tree.nodes.values() if node.name in graph.nodes_entered)


def _soonest(node: Node) -> tuple[int, Node] | None:
    """The shortest timeout of the states around a state, and whose it is."""
    timed = [(outer.state.timeout, outer) for outer in node.lineage()[1:] if outer.state.timeout is not None]
    return min(timed, key=lambda pair: pair[0], default=None)
