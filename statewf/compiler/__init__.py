"""From what a person wrote to what it means: the only floor that knows both `definition` and `machine`.

`tree` finds its way among nested states, `check` tells every name that leads nowhere, `states` writes
out the flat table, `emit` puts the machine together with its digest and notes. `kept` does so for what a store
keeps; it reads text, and is loaded by those who need that.
"""

from statewf.compiler.emit import Notes, compile_definition

__all__ = ["Notes", "compile_definition"]
