"""What the tests of the simulator share: machines from YAML, a tiny script language, recording handlers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from statewf.compiler import compile_definition
from statewf.errors import EventRejected
from statewf.files import loads
from statewf.machine.events import Event
from statewf.machine.fsm import Machine
from statewf.machine.work import Work
from statewf.simulator import Driver
from statewf.simulator.driver import Handler


def machine(text: str) -> Machine:
    """The machine of a YAML definition."""
    return compile_definition(loads(text))


def drive(text: str, inputs: Any = None, **handlers: Handler) -> Driver:
    """A driver of a YAML definition; `_` in the name of a handler stands for `-`."""
    named = {name.replace("_", "-"): handler for name, handler in handlers.items()}
    return Driver(machine(text), inputs, handlers=named)


def play(driver: Driver, script: str) -> str:
    """Where each word of a script led: the states, or `!reason` where an event was refused.

    NAME or NAME:JSON sends an event, +SECONDS lets time pass, <JSON answers a call, <!NAME fails it,
    <@NAME answers it with an event, `cancel` cancels.
    """
    return " ".join(_word(driver, word) for word in script.split())


def _word(driver: Driver, word: str) -> str:
    try:
        _do(driver, word)
    except EventRejected as rejected:
        return f"!{rejected.reason}"
    return driver.state


def _do(driver: Driver, word: str) -> None:
    if word == "cancel":
        driver.cancel()
    elif word.startswith("+"):
        driver.advance(float(word[1:]))
    elif word.startswith("<!"):
        driver.reply(error=word[2:])
    elif word.startswith("<@"):
        driver.reply(Event(word[2:]))
    elif word.startswith("<"):
        driver.reply(json.loads(word[1:] or "{}"))
    else:
        name, _, data = word.partition(":")
        driver.send(name, json.loads(data) if data else None)


def refusal(act: Callable[[], object]) -> EventRejected:
    """The refusal that this act meets."""
    try:
        act()
    except EventRejected as rejected:
        return rejected
    raise AssertionError("it was accepted")


class Recorder:
    """Handlers that note their calls, in order, and answer one after another what they were given.

    An exception among the answers is raised; the last answer repeats.
    """

    def __init__(self) -> None:
        self.calls: list[Work] = []

    def handler(self, *answers: object) -> Handler:
        left = list(answers or ({},))

        def handle(work: Work) -> object:
            self.calls.append(work)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return handle

    @property
    def names(self) -> list[str]:
        return [work.handler for work in self.calls]

    def tell(self, key: str) -> list[object]:
        """That part of the context of each call."""
        return [work.context.get(key) for work in self.calls]
