"""The page of the simulator: a machine without an instance, in virtual time. Every move is a link, and every page a game.

Below: `moves`, `pictures`, `desk`. Above: `app`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.response import Redirect

from statewf.diagram import drawing
from statewf.errors import StatewfError
from statewf.machine.fsm import Machine
from statewf.machine.record import row
from statewf.machine.snapshot import due
from statewf.values.frozen import thaw
from statewf.web.console.asked import asked
from statewf.web.console.desk import Desk, Given
from statewf.web.console.moves import Game, Move, choices, played, read
from statewf.web.console.pictures import shown
from statewf.web.console.typed import from_json, in_short
from statewf.web.guard import LONGEST_QUERY
from statewf.web.paths import path, query
from statewf.web.problems import Problem, problem_of

MOVE = "m"  # the name of a move in a query
MOST_ROWS = 100  # of the history that are shown, the newest ones


@get("/machines/{name:str}/simulate", include_in_schema=False)
async def simulate(name: FromPath[str], request: Request[Any, Any, Any], desk: Given) -> Response[Any]:
    """A game: `inputs` as JSON, and all moves. With a `kind` one more is made, which leads to the page after it."""
    asked_for = request.query_params
    here = _Here(name, asked_for.get("inputs", "").strip(), asked_for.getall(MOVE, []))
    machine = await desk.service.shelf.machine(await desk.service.record(name))
    problem: Problem | None = None
    if kind := asked_for.get("kind", ""):
        try:
            move = _typed(kind, asked_for.get("name", "").strip(), asked_for.get("more", "").strip())
            return Redirect(here.link([*here.moves, move.text]), status_code=303)
        except StatewfError as error:
            problem = problem_of(error)
    try:
        game = await asyncio.to_thread(_played, machine, here)
    except StatewfError as error:
        problem, here = problem_of(error), _Here(name, "", [])
        game = await asyncio.to_thread(_played, machine, here)
    return await _page(desk, machine, here, game, asked_for.getall("fold", []), problem)


@attrs.frozen
class _Here:
    """A game as it stands in the address: of which machine, with which inputs, and all moves."""

    name: str
    inputs: str
    moves: Sequence[str]

    def link(self, moves: Sequence[str], fold: Sequence[str] = ()) -> str:
        """The same game with other moves."""
        given = query(inputs=self.inputs, fold=list(fold), **{MOVE: list(moves)})
        return path("machines", self.name, "simulate") + given

    def until(self, number: int) -> str:
        """The game after so many moves."""
        return self.link(self.moves[:number])


def _typed(kind: str, name: str, more: str) -> Move:
    """A move that was typed. Raises DataError."""
    made = Move(kind, name, more if kind in ("decide", "fail") else in_short(more, "the data"))
    return read(made.text)


def _played(machine: Machine, here: _Here) -> Game:
    return played(machine, from_json(here.inputs, "the inputs"), [read(text) for text in here.moves])


async def _page(
    desk: Desk, machine: Machine, here: _Here, game: Game, fold: Sequence[str], problem: Problem | None
) -> Response[str]:
    driver, shelf = game.driver, desk.service.shelf
    picture = await shown(
        desk.service,
        lambda: drawing(machine, steps=driver.history),
        fold,
        lambda shut: here.link(here.moves, shut),
        f"where the game is in the picture of {here.name}",
        {},
    )
    known = await shelf.made(("asked", machine.digest), lambda: asked(machine))
    content = await asyncio.to_thread(_content, machine, here, game)
    given = {**content, "asked": known.inputs, "picture": picture}
    return await desk.page("simulate.html", f"Simulate {here.name}", given, place="machines", problem=problem)


def _content(machine: Machine, here: _Here, game: Game) -> dict[str, Any]:
    """What the page says of a game; links that are too long for an address are left out."""
    driver = game.driver
    possible = [(choice, here.link([*here.moves, choice.move.text])) for choice in choices(driver)]
    return {
        "machine": machine,
        "inputs": here.inputs,
        "texts": here.moves,
        "turns": game.turns,
        "begin": here.until(0),
        "links": [here.until(number + 1) for number in range(len(here.moves))],
        "choices": [(choice, link) for choice, link in possible if len(link) <= LONGEST_QUERY],
        "too_long": any(len(link) > LONGEST_QUERY for _, link in possible),
        "driver": driver,
        "timers": due(machine, driver.snapshot),
        "rows": [thaw(row(step)) for step in reversed(driver.history[-MOST_ROWS:])],
    }
