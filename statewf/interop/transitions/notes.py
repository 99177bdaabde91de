"""What is told while a machine is read: mistakes, all at once, and remarks; and what a callback is called.

Below: the conversion. Above: `objects`, `document`, `meaning`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from statewf.definition.model import Action, Assign, Emit, Function, Raise
from statewf.definition.words import nearest
from statewf.errors import ConversionError, DefinitionError, Diagnostic
from statewf.expr import Expression
from statewf.interop.conversion import Remark, unsupported

_NAME_IT = "define it with def, or give its name as text"


@attrs.define
class Notes:
    """Gathers what is told on the way."""

    mistakes: list[Diagnostic] = attrs.field(factory=list)
    remarks: list[Remark] = attrs.field(factory=list)

    def mistake(self, code: str, message: str, where: str, hint: str | None = None) -> None:
        if (told := Diagnostic(code, message, where, hint=hint)) not in self.mistakes:
            self.mistakes.append(told)

    def refuse(self, what: str, where: str, hint: str) -> None:
        self.mistakes.append(unsupported(what, where, hint))

    def remark(self, where: str, message: str) -> None:
        if (told := Remark(where, message)) not in self.remarks:
            self.remarks.append(told)

    def wrong(self, error: DefinitionError, where: str) -> None:
        """What a part of the definition does not take, told at its place."""
        for told in error.diagnostics:
            self.mistakes.append(attrs.evolve(told, path=where + told.path.removeprefix("$")))

    @staticmethod
    def meant(word: str, known: Iterable[str]) -> str | None:
        """A hint at what somebody may have meant."""
        found = nearest(word, known)
        return f"did you mean {found}?" if found else None

    def end(self) -> None:
        """Raise ConversionError with all mistakes, if there are any."""
        if self.mistakes:
            raise ConversionError(self.mistakes)

    def actions(self, callbacks: Iterable[object], where: str) -> tuple[Action, ...]:
        """Callbacks as actions: what has a name is the handler of that name; nothing is looked up, or called."""
        return tuple(self._actions(callbacks, where))

    def _actions(self, callbacks: Iterable[object], where: str) -> Iterator[Action]:
        for callback in callbacks:
            if isinstance(callback, Function | Emit | Assign | Raise):
                yield callback
                continue
            name = self.name(callback, where)
            try:
                if name is not None:
                    yield Function(name)
            except DefinitionError as error:
                self.wrong(error, where)

    def conditions(self, conditions: Iterable[object], where: str) -> tuple[str | Expression, ...]:
        """Conditions by their names; those that are expressions stay so."""
        known = (c if isinstance(c, Expression) else self.name(c, where) for c in conditions)
        return tuple(condition for condition in known if condition is not None)

    def name(self, callback: object, where: str) -> str | None:
        """What a callback is called; None if that was refused."""
        if isinstance(callback, str):
            return callback
        name = getattr(callback, "__name__", None)
        if isinstance(name, str) and name.isidentifier():
            return name
        self.refuse("a callback without a name", where, _NAME_IT)
        return None
