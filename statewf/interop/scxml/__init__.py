"""SCXML documents (W3C recommendation of 2015) as definitions.

    imported = read(text)          # .definition, and .remarks on what is said otherwise

*Held*: states, parallel states, shallow and deep histories, final states and done events, initial states of any depth,
transitions with several events, targets, `cond` and `type="internal"`, `onentry` and `onexit`, `assign`, `if`, `raise`,
`send` to the session itself, also with a delay, `data` with constants, conditions and values in that part of ECMAScript
that our conditions are, and `In()`.

*Compiled away*: `if` becomes conditional values; transitions right in `<scxml>` are given to each outermost state; a
`send` without a delay is a raised event with a delay of 0. `log` does nothing to a machine and is left out. Events that
nothing takes are ignored, as there.

*Refused, by name*: `script`, `foreach`, `invoke`, `cancel`, `donedata`, `src`, data of events (`param`, `namelist`,
`content`), sending to others, object literals, other functions and data models, late binding, `raise` and `send` within `if`, `error.*` events: here a
fault in a condition counts as false, and is told.

*Different, on purpose*:
- A transition leaves and enters what lies in the innermost state around both ends, also if that one is parallel; the
  recommendation goes on to one that is not. So a region that is entered anew leaves its parallel state alone.
- The data of an event from outside are merged into the context; `data` that the machine assigns are its own.
- An event name stands for itself alone unless some name in the document has a dot: then `foo` also takes `foo.bar`.
  Names with patterns in them would be all that people see.
- The same delayed event sent again while it is on its way is sent anew, not twice.

A document is data: no document type or entity is read, no `src` is fetched, no script is run.

Below: `conversion`, the definition. Inside, from the ground: `xml`, `expressions`, `contents`, `reading`.
"""

from statewf.interop.scxml.reading import read

__all__ = ["read"]
