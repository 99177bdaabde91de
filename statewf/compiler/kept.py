"""The machine of a definition that a store keeps, perhaps since an older version.

Properties and prices were once kept as they were written, whatever they said. A machine runs the same without them, so
those that cannot be read today, or lead nowhere, are left out as if there were none: an instance that was started when
nobody read a price list costs nothing, and one slip in it must not keep the instance from its end.

Below: `definition`, `emit`. Above: the runtime and the command line, which have stores, and tell what was left out.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import attrs

from statewf.compiler.emit import compile_definition, document_digest
from statewf.definition.document import document
from statewf.definition.read import read
from statewf.definition.write import to_document
from statewf.errors import InputError
from statewf.machine.fsm import Machine

PRICES = ("pricing", "billing")
_ONCE_FREE = (("properties",), PRICES, ("properties", *PRICES))  # what is left out, if it must be


class KeptMachine(NamedTuple):
    """A machine, and which keys of its definition are `left_out` of it."""

    machine: Machine
    left_out: tuple[str, ...] = ()


def compile_kept(text: str) -> KeptMachine:
    """The machine of a definition that a store keeps, as JSON. Raises InputError when it cannot be read without prices either.

    Its digest is that of the text, with prices as they stand there: the one it was deployed as, if nobody has changed it.
    """
    kept = document(text, format="json").value
    try:
        return KeptMachine(_compiled(text, kept))
    except InputError as error:
        told = error
    for free in _ONCE_FREE if isinstance(kept, dict) else ():
        rest = json.dumps({key: item for key, item in kept.items() if key not in free})
        try:
            return KeptMachine(_compiled(rest, kept), tuple(key for key in free if key in kept))
        except InputError as error:
            told = error
    raise told


def _compiled(text: str, kept: dict[str, object]) -> Machine:
    definition = read(text, format="json")
    prices = {key: kept[key] for key in PRICES if key in kept}
    digest = document_digest({**to_document(definition), **prices})
    return attrs.evolve(compile_definition(definition), digest=digest)
