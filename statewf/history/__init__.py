"""What is kept: the store port, and its two implementations with one contract.

Stands on `machine`, blind to whoever runs it. `port` says what a store promises, `codec` how steps and
snapshots become JSON, `memory` and `sqlite` keep them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statewf.history.memory import Memory as Memory
    from statewf.history.port import Answer as Answer
    from statewf.history.port import Card as Card
    from statewf.history.port import Emitted as Emitted
    from statewf.history.port import Entry as Entry
    from statewf.history.port import Grave as Grave
    from statewf.history.port import KeyRecord as KeyRecord
    from statewf.history.port import Lease as Lease
    from statewf.history.port import Loaded as Loaded
    from statewf.history.port import MachineRecord as MachineRecord
    from statewf.history.port import Store as Store
    from statewf.history.sqlite import Sqlite as Sqlite

_PORT = "Answer Card Emitted Entry Grave KeyRecord Lease Loaded MachineRecord Store"
_HOMES = {"Memory": "memory", "Sqlite": "sqlite"}
_HOMES |= dict.fromkeys(_PORT.split(), "port")
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'statewf.history' has no attribute {name!r}")
    return getattr(import_module(f"statewf.history.{_HOMES[name]}"), name)
