"""XState v5: configs of machines as JSON, as `createMachine` takes them, read and written.

Held as it is: states within each other, parallel, final and history states; `on` with every form of a target, with
wildcards and `reenter`; `always`, `onDone`, `entry`, `exit`, one `invoke` a state; guards and actions by name, which
become `context.NAME` and handlers, also with params. A transition of v5 is internal by default: one that leads to
its own state or within becomes `internal: true`, and with `reenter: true` it does not.

Compiled away, exactly, when it is read:
- The machine itself is a state in XState. Where it does something it becomes one around all others, called as it is.
- Delays with guards or actions, or several, become states within the one that waits (`after`).
- The transition around the regions of a parallel state waits for those within (`inner_first`).
- `exit` of the machine and of its final states is done on entering these: there the machine ends.
- The actions of `initial` are done on entering the first state, if nothing else leads to it; else they are refused.
When it is written: a terminal state within others leads on to a final one of the machine; a call without `onError`
gets an empty one, for in XState an unhandled failure ends the machine. Conditions that are more than a name, and
assign, emit and raise, become guards and actions with params (`guards`, `actions`): a remark says what to provide.
What a machine of XState's does not need lies in `meta.statewf` (`kept`) and comes back from there.

Refused by name: several actors of one state, delays as above on a state with others within or below a deep history,
named delays that nobody explains, built-in actions of which JSON lost the function, `onSnapshot`, `route`, data of
raised events, what v4 had; and on the way out `retry`, `retryPolicy`, `errorHandling`, `unexpected: defer`, `attempt`
in conditions, an `initial` that is a path or a list, and steps.

Other meanings, on purpose:
- An event that nothing takes is forgotten in XState, so `unexpected: ignore` is read; another word is kept in `meta`.
- A wildcard takes events here; in XState it also takes timers and results. It would be no wildcard of events.
- A failure that no `onError` takes is recorded, and the state stays: an operator can go on from there.
- A history that is named from within its own state: the state is left and entered, whatever is remembered.
- Transitions without an event that lead in a circle: none is taken, and the checker tells; XState takes some of it.
- A delayed raise of an event that is still to come sets it anew; in XState both come.
- The data of an event goes into the context, where the names of guards are answered.

Below: the compiler's tree, `conversion`, `names`. Above: the command line.
"""

from statewf.interop.xstate.reading import read
from statewf.interop.xstate.writing import write

__all__ = ["read", "write"]
