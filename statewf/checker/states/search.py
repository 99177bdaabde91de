"""Looking for ways: shortest paths and strongly connected components, without recursion.

Below: `edges`. Above: `graph` and the rules. Whoever asks says what the next steps are, so that one search
serves the whole graph and a part of it alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import NamedTuple, TypeVar

from statewf.checker.states.edges import Edge

Node = TypeVar("Node", bound=Hashable)


class Arrival(NamedTuple):
    """The end of a shortest way: how much has to happen on it, and its last edge, if it has any."""

    length: int
    edge: Edge | None


def shortest(start: str, steps: Callable[[str], Iterable[Edge]], within: float = inf) -> dict[str, Arrival]:
    """The states that can be reached, each with the end of a way there on which the least has to happen.

    What is further away than `within` is left out.
    """
    arrivals = {start: Arrival(0, None)}
    serial = count()  # of equal ways, the one found first
    heap = [(0, next(serial), start)]
    while heap:
        length, _, state = heappop(heap)
        if length > arrivals[state].length:
            continue
        for edge in steps(state):
            if edge.target is None:
                continue
            there = length + edge.length
            if there <= within and (edge.target not in arrivals or there < arrivals[edge.target].length):
                arrivals[edge.target] = Arrival(there, edge)
                heappush(heap, (there, next(serial), edge.target))
    return arrivals


def way(arrivals: Mapping[str, Arrival], state: str) -> tuple[Edge, ...]:
    """The edges from the start to `state`, one after another."""
    found: list[Edge] = []
    while (edge := arrivals[state].edge) is not None:
        found.append(edge)
        state = edge.source
    return tuple(reversed(found))


def components(nodes: Iterable[Node], successors: Callable[[Node], Iterable[Node]]) -> list[tuple[Node, ...]]:
    """The strongly connected components, by Tarjan; they and what is in them in the order of `nodes`.

    `low` of a node is the smallest number it can get back to; one that gets no further back than itself
    closes a component.
    """
    place = {node: at for at, node in enumerate(nodes)}
    number: dict[Node, int] = {}
    low: dict[Node, int] = {}
    stack: list[Node] = []
    work: list[tuple[Node, Iterator[Node]]] = []
    found: list[tuple[Node, ...]] = []

    def visit(node: Node) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        work.append((node, iter([after for after in successors(node) if after in place])))

    def close(node: Node) -> None:
        group: list[Node] = []
        while not group or group[-1] != node:
            group.append(stack.pop())
            low[group[-1]] = len(place)  # greater than any number: it draws nobody into another component
        found.append(tuple(sorted(group, key=place.__getitem__)))

    for root in place:
        if root not in number:
            visit(root)
        while work:
            node, rest = work[-1]
            child = next(rest, None)
            if child is None:
                work.pop()
                if low[node] == number[node]:
                    close(node)
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
            elif child in number:
                low[node] = min(low[node], low[child])
            else:
                visit(child)
    return sorted(found, key=lambda group: place[group[0]])
