"""Machines of the Python library `transitions`: objects and configurations are read, modules are written.

`read(machine)` takes any Machine of the library, or a model bound to one; `read_document(data)` takes the plain
data that people keep in JSON or YAML (`states`, `transitions`, `initial`, ...); `write(definition)` gives the
text of a Python module whose `machine` runs on the library, as the definition does.

*Read as they are*: states, nested and parallel; transitions with several sources, `*`, `=`, no `dest` (internal),
and ordered ones; `final` (at the top `terminal: true`); `ignore_invalid_triggers`. Conditions are asked of the
context by their names (`interop.names`). Callbacks are handlers of their names, at the same place: `on_enter`,
`on_exit`, and in this order as actions of the transition prepare_event, before_state_change, prepare, before,
after, after_state_change, finalize_event.

*Compiled away*: a compound state without `initial` gets one within it, `self`, that stands for being in no other;
a `Timeout` becomes `timeoutTransition` if all it does is to lead somewhere, else an event `timeout.STATE` that
the state sends itself; a `Retry` becomes `retry`, and what `on_failure` leads to is the event's own target;
`on_final` becomes an entry action, or `onDone` of a state with others within. Automatic transitions `to_STATE`
are left out; tags, labels, `on_exception` and `models` too, and that is told in a remark.

*Refused by name*: callbacks without a name; `Volatile`; a final state with states within; a `Retry` by a
transition with conditions or callbacks; transitions from one part of a parallel state to another, into one part
alone from outside, and to a part anew that has callbacks. Of definitions: history, `invoke`, `unexpected: defer`,
`retryPolicy`, `jitter`, a timeout of 0, an event called `state`, a dot in the name of a state.

*What means something else here*, on purpose:

- The first state is entered like any other: its `on_enter` is called and its Timeout runs, for an instance has to
  begin somewhere. The library sets the state of a model, and calls nothing.
- `before` is done after `on_exit`, and `after` before `on_enter`, for the actions of a transition stand between.
- `prepare` is done if the transition is taken: a condition here has no effects, and so nothing before it has.
- An event whose conditions all fail is rejected, for no event is to be lost silently. The library answers False.
- A final state is never left. For the library it is a tag.
- When `on_failure` is called, the library has left the state but not entered it, and leaves it again; here it is
  left once.
- Of a machine with several active states all conditions are asked first, then all transitions taken at once, and
  no state is left by two. The library asks and goes on one after another.

*What a written module does otherwise than the definition*: events that run in a circle are a MachineError, and
not undone; a wait of 0 ms between two attempts takes 1, for the library has no shorter timer; timers are its
threads.

Inside, from the ground: `words`, `code`, `shape`, `notes`; `paths`, `meaning` (what is read, as a definition);
`parts`, `moving`, `running` (what a written module builds upon); `objects`, `document`, `read`; `write`. In this
package `transitions` is the library: imports are absolute.

Below: `compiler`, and the library. Above: the command line.
"""

from statewf.interop.transitions.read import read, read_document
from statewf.interop.transitions.write import write

__all__ = ["read", "read_document", "write"]
