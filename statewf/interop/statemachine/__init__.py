"""Classes of python-statemachine (3.2 and later): read as definitions, and written as modules that run on it.

`read(Class)` takes a StateMachine or StateChart class, or an instance of one; it calls nothing of it and imports
nothing. `write(definition)` gives the text of a module with one class, whose base is `chart.Chart`.

Held both ways: states within each other and side by side, histories, final states, transitions by several events,
without an event and without a target, internal ones, conditions, callbacks, timeouts (`contrib.timeout`), `invoke` by
name, `done.state`, patterns of events, `allow_event_without_transition` (`unexpected: ignore`; without it, `reject`:
an event that nothing takes raises TransitionNotAllowed).

Read, as something else; the remarks tell most of it:

- A condition by a name (`cond="paid"`, a method, a property) asks `context.paid`; `unless` the contrary. Texts such as
  `paid and not (total < 10)` are translated; `In('x')` asks which states are active. What Python takes for false and
  JavaScript for true (an empty list) is true then.
- A callback is a function action of its name; a name that is an event raises it. `before` and `after` are called with
  the transition's own, between what is left and what is entered. Names by convention (`on_enter_paid`) count where the
  class has them; listeners and models do not.
- `timeout(5, on="late")` is the state's timeout where `late` leads on from that very state and does nothing else.
- A parallel state at the top ends the machine when it is finished: a terminal state `finished` follows it.
- A label that says more than the id is the description, the docstring that of the machine.

Written, as something else:

- Guards and assignments keep their JavaScript: `guard(text)` and `assign({name: text})` evaluate what they say.
- Retries are counted by `attempts(n)` and `again`; the wait between two is a state of its own.
- A machine is started as `Order(inputs, handlers={name: function})`, with a `subscriber` of what it emits if one is wanted.
- A handler is called as `handler(machine, **params)`, an action's at once, that of an `invoke` in a thread; an Event
  that it answers is taken. What an action's handler raises is kept in `failures`.
- Python's names bind states: one that cannot be a Python name gets another, and its own as its `value`.

Different on purpose, each for a reason:

- What leads from one part of a parallel state to another leaves that state in python-statemachine, as W3C's least
  common *compound* ancestor has it; here it stays. Neither can be said in the other's words, so a remark tells.
- So does a transition from within a state to the history of that same state: there what is left depends on what is
  remembered; here all of the state is left.
- python-statemachine numbers states so that some share a number, and asks them in the order in which they were
  entered. A `Chart` has them in document order, as SCXML has.
- It runs the actions of a transition to a history twice (3.2.2). A `Chart` runs them once.
- An internal transition of a part of a parallel state to itself makes the library enter the first states of its
  siblings beside those that are active (3.2.2). Here nothing is left or entered.
- `error.execution` belongs to the state that invokes. A callback that fails raises here: our actions that fail change
  no state, and theirs make an event of it.
- An event `mouse` also stands for `mouse.moved` there. It is read as `mouse.*` if the machine knows such events.

Refused by name: lambdas, validators, delays, several timeouts or invokes of a state, machines as invoke, transitions
of final states, two states of one id (python-statemachine forgets the first: its states are found by their values);
and to be written: `defer`, `unexpected` of a state, `retryPolicy`, delayed raises, nested terminal states, final states
right within parallel ones, the end of a parallel state with others right within (python-statemachine tells no end
further out than one parallel state), names that it needs itself.

Inside, from the ground: naming; chart; calls, conditions, moves, read; ids, limits, layout, write.
Below: the compiler. Above: the command line.
"""

from statewf.interop.statemachine.read import read
from statewf.interop.statemachine.write import write

__all__ = ["read", "write"]
