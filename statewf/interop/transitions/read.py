"""Machines of transitions as definitions: an object of the library, or the plain data of a configuration.

Below: `objects`, `document`, `meaning`. Above: whoever converts.
"""

from __future__ import annotations

from collections.abc import Mapping

from statewf.errors import ConversionError, Diagnostic
from statewf.interop.conversion import Imported
from statewf.interop.transitions import document as documents
from statewf.interop.transitions.meaning import imported
from statewf.interop.transitions.notes import Notes
from statewf.values.frozen import kind_of


def read(subject: object) -> Imported:
    """A Machine, with whatever extensions, or a model that one is bound to, as a definition.

    Nothing of it is called. Raises ConversionError, which names all that cannot be converted.
    """
    from statewf.interop.transitions import objects

    notes = Notes()
    return imported(objects.shape_of(subject, notes), notes)


def read_document(document: object) -> Imported:
    """A configuration (`states`, `transitions`, `initial`, ...), as JSON or YAML gives it, as a definition.

    A name in it stays a name: nothing is imported. Raises ConversionError, which names all that cannot be converted.
    """
    if not isinstance(document, Mapping):
        message = f"expected a configuration, found {kind_of(document)}"
        hint = "an object with states, transitions and initial"
        raise ConversionError([Diagnostic("wrong-type", message, hint=hint)])
    notes = Notes()
    return imported(documents.shape_of(document, notes), notes)
