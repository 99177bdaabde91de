"""Arbitrary valid definitions: every feature, names and texts that YAML finds hard, and JSON of any shape.

State machines are valid to read, not to compile: targets lead anywhere. Workflows compile, too.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeVar

from hypothesis import strategies as st

from statewf.definition.model import (
    Absence,
    Action,
    Always,
    Assign,
    Compensation,
    CompensationAction,
    Emit,
    ErrorHandling,
    EscalationPolicy,
    Eventually,
    Existence,
    Function,
    Invoke,
    Precedence,
    Property,
    Quorum,
    Raise,
    Response,
    Retry,
    RetryPolicy,
    Review,
    Sometimes,
    State,
    StateMachine,
    Step,
    Transition,
    Workflow,
    WorkflowErrors,
)
from statewf.definition.pricing import Billing, Discounts, PerExecution, Pricing, Rates, Tier, TimeBased
from statewf.definition.words import expression
from statewf.definition.workflow import StepType
from statewf.expr import Expression
from statewf.values.duration import milliseconds

T = TypeVar("T")

AWKWARD = (
    *("on", "yes", "no", "y", "NO", "off", "true", "False", "null", "NULL", "~", "<<", "=", "*", "&a", "!x", "- a"),
    *("1", "-1", "0o17", "0x1F", "1e5", "1_000", "12:30", "2020-01-01", ".5", ".inf", ".NaN", "+", "-", "---"),
    *("...", "|-"),
    *("a: b", "a:", ": a", "a #b", "#a", "a\\b", '"a"', "it's", "'", '"', "{a}", "[a]", "a, b", "%a", "@a", "`a`"),
    *("|", ">", "? a", "é", "日本語", "😀", "processing-payment", "order.paid", "$.a", "a b", "type", "states"),
)
ODD_TEXT = (
    *("", " ", " a", "a ", "\t", "a\tb", "a\nb", "a\n", "\na", "a\n\nb\n", "a \nb", " a\nb", "a\n  b\n", "a\r\nb"),
    *("\x00", "\x07", "\x1b", "\x7f", "\x85", "a\u2028b", "\ufeff", "\ufffe", "\U0010ffff", "a\n#b", "a\n- b"),
)


def opaque(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """The same strategy without the long name of all it is made of."""

    @st.composite
    def drawn(draw: st.DrawFn) -> T:
        return draw(strategy)

    return drawn()


unicode = st.characters(exclude_categories=["Cs"])
texts = opaque(st.one_of(st.sampled_from(AWKWARD + ODD_TEXT), st.text(unicode, max_size=20)))
names = opaque(
    st.one_of(
        st.sampled_from([name for name in AWKWARD if not name.startswith("$")]),
        st.from_regex(r"[a-z]{1,8}(-[a-z]{1,4})?", fullmatch=True),
        st.text(unicode, min_size=1, max_size=12).filter(
            lambda text: (
                text.isprintable()
                and bool(text.strip())
                and text[0] != "$"
                and "/" not in text
                and text not in (".", "..")
            )
        ),
    )
)
numbers = st.one_of(
    st.integers(-1000, 1000), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.just(10**400)
)
constants = st.one_of(st.none(), st.booleans(), numbers)
json: st.SearchStrategy[Any] = opaque(
    st.recursive(
        st.one_of(constants, texts),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
        max_leaves=8,
    )
)
objects = st.dictionaries(texts, json, max_size=3)
durations = st.one_of(st.integers(0, 10**6), st.sampled_from(["30s", "12h", "P1D", "1h 30m"]))
counts = st.integers(1, 1_000_000)

conditions: st.SearchStrategy[Expression] = st.builds(
    expression,
    st.one_of(
        st.sampled_from(
            [
                "context.total > 10 && event.data.ok",
                'event.data.reason === "a: b"',
                "!has(context, 'paid')",
                "attempt < 3 ? inputs.a : [1, 2][0]",
                "'#' == \"it's\"",
                "(1)",
                "true",
                "5",
                " 5",
                '"yes"',
            ]
        ),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        st.none(),
    ),
)

backoffs = st.sampled_from(["exponential", "linear", "constant"])
jitters = st.sampled_from(["none", "full"])
unexpected = st.sampled_from(["reject", "ignore", "defer"])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def made(cls: Any, *required: st.SearchStrategy[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A class with its required fields, and some of the others."""
    rest = some(**fields).map(ordered) if "max_delay" in fields else some(**fields)
    return st.builds(lambda given, rest: cls(*given, **rest), st.tuples(*required), rest)


def ordered(given: dict[str, Any]) -> dict[str, Any]:
    """The same fields of a policy, but no first delay longer than the longest."""
    least = milliseconds(given.get("base_delay", 1_000))
    return given if least <= milliseconds(given.get("max_delay", 30_000)) else {**given, "max_delay": least}


policies = made(
    RetryPolicy,
    counts,
    backoff=backoffs,
    base_delay=durations,
    max_delay=durations,
    jitter=jitters,
    non_retryable=st.lists(texts, max_size=2),
)
actions: st.SearchStrategy[Action] = opaque(
    st.one_of(
        made(Function, names, params=objects, retry_policy=policies),
        made(Emit, names, data=json),
        made(Assign, st.dictionaries(names, conditions, max_size=3)),
        made(Raise, names, delay=durations),
    )
)
several_actions = st.lists(actions, max_size=3)
targets = names | st.lists(names, min_size=1, max_size=2, unique=True)
transitions: st.SearchStrategy[Transition] = opaque(
    st.one_of(
        st.builds(Transition, names),
        made(Transition, target=targets, guard=conditions, actions=several_actions, internal=st.booleans()),
    )
)
several = st.lists(transitions, min_size=1, max_size=3)
moving = st.lists(
    st.builds(Transition, names, guard=st.none() | conditions, actions=several_actions), min_size=1, max_size=2
)
events = st.dictionaries(names, several, max_size=3)
retries = made(
    Retry,
    counts,
    st.lists(names | st.just("$error"), min_size=1, max_size=2),
    backoff=backoffs,
    base_delay=durations,
    max_delay=durations,
    jitter=jitters,
)
invocations = made(Invoke, names, params=objects, on_done=several, on_error=several)
timeouts: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}), st.fixed_dictionaries({"timeout": durations, "timeout_transition": names})
)

COMMON = {
    "on": events,
    "always": moving,
    "on_entry": several_actions,
    "on_exit": several_actions,
    "invoke": invocations,
    "unexpected": unexpected,
    "description": texts,
}


def _state(common: dict[str, Any], *others: dict[str, Any]) -> State:
    for other in others:
        common |= other
    return State(**common)


simple = opaque(st.builds(_state, some(**COMMON, retry=retries), timeouts))
terminal = opaque(
    st.builds(
        _state,
        some(
            outcome=st.sampled_from(["success", "failure"]),
            on_entry=several_actions,
            unexpected=unexpected,
            description=texts,
        ),
        st.just({"terminal": True}),
    )
)


final = opaque(
    st.builds(
        _state,
        some(on_entry=several_actions, on_exit=several_actions, unexpected=unexpected, description=texts),
        st.just({"final": True}),
    )
)
history = opaque(
    st.builds(
        _state,
        some(initial=targets, description=texts),
        st.fixed_dictionaries({"history": st.sampled_from(["shallow", "deep"])}),
    )
)


def _compound(inner: st.SearchStrategy[State]) -> st.SearchStrategy[State]:
    within = {"states": st.dictionaries(names, inner, min_size=1, max_size=2)}
    beginning = {"initial": targets}, {"parallel": st.just(True)}
    children = st.one_of(*(st.fixed_dictionaries(within | begins) for begins in beginning))
    return st.builds(_state, some(**COMMON, on_done=several), timeouts, children)


states = opaque(st.recursive(st.one_of(simple, terminal, final, history), _compound, max_leaves=3))

atoms = opaque(names | st.builds("{}:{}".format, names, names) | st.sampled_from(["event:GO", "$cancelled", "a/b"]))
scopes = {"name": texts, "after": atoms, "until": atoms}
properties: st.SearchStrategy[list[Property]] = st.lists(
    opaque(
        st.one_of(
            made(Absence, st.lists(atoms, min_size=1, max_size=2), **scopes),
            made(Existence, st.lists(atoms, min_size=1, max_size=3), **scopes),
            made(Precedence, atoms, atoms, **scopes),
            made(Response, atoms, st.lists(atoms, min_size=1, max_size=3), **scopes),
            *(made(cls, conditions, **scopes) for cls in (Always, Sometimes, Eventually)),
        )
    ),
    max_size=3,
)

# --- what it costs

amounts = st.decimals(0, 20, places=2) | st.decimals(0, 10**12, places=12)
factors = st.decimals(0, 3, places=1) | st.decimals(0, 10**6, places=12)
shares = st.decimals(0, 1, places=2) | st.decimals(0, 1, places=12)
currencies = st.sampled_from(["USD", "EUR", "JPY", "BHD"])


@st.composite
def tiers(draw: st.DrawFn) -> list[Tier]:
    """Tiers in order without a gap, the last perhaps without an end."""
    bounds = sorted(draw(st.lists(st.integers(0, 10**6), min_size=2, max_size=4, unique=True)))
    listed = [Tier(low, draw(shares), high - 1) for low, high in pairwise(bounds)]
    return [*listed, Tier(bounds[-1], draw(shares))] if draw(st.booleans()) else listed


def pricings(named: st.SearchStrategy[str]) -> st.SearchStrategy[Pricing]:
    """Price lists, with prices of what is named so."""
    prices = st.dictionaries(named, amounts, max_size=2)
    bases = st.one_of(
        st.fixed_dictionaries({"rate": amounts}),
        st.fixed_dictionaries({"base_rate": amounts}),
        st.fixed_dictionaries({"rates": st.builds(Rates, amounts, amounts)}),
        st.fixed_dictionaries({"step_rates": st.dictionaries(named, amounts, min_size=1, max_size=2)}),
    )
    besides = some(
        step_rates=prices,
        discounts=st.builds(Discounts, tiers()),
        parallel_discount=shares,
        failure_refund=amounts,
        currency=currencies,
    )
    per_execution = st.builds(lambda base, rest: PerExecution(**{**rest, **base}), bases, besides)
    bounds = st.lists(amounts, min_size=2, max_size=2).map(sorted)
    rest = some(step_multipliers=st.dictionaries(named, factors, max_size=2), currency=currencies)
    time_based = st.builds(lambda rate, ends, rest: TimeBased(rate, *ends, **rest), amounts, bounds, rest)
    return per_execution | time_based


SEEN_AT_THE_END = st.sampled_from(["inputs.customer", "context.n + 1", "results['a']", "'me'"]).map(expression)
billings = made(Billing, customer=conditions, volume=conditions)

machines: st.SearchStrategy[StateMachine] = made(
    StateMachine,
    names,
    names,
    st.dictionaries(names, states, min_size=1, max_size=4),
    unexpected=unexpected,
    context=objects,
    error_handling=made(ErrorHandling, default_retry_policy=policies),
    description=texts,
    pricing=pricings(names),
    billing=billings,
    properties=properties,
)


# --- step workflows

step_ids = names.filter(lambda name: name != "workflow")
step_conditions: st.SearchStrategy[Expression] = st.builds(
    expression,
    st.sampled_from(["inputs.total > 10", "inputs['a b'] === 'x: y'", "!inputs.paid", "(1)", " 5", '"yes"'])
    | st.booleans()
    | st.integers(-(10**20), 10**20),
)
people = st.sampled_from(["ann", "inputs.approver", "inputs.team ?? 'support'", "sales team"]) | texts
error_words = st.sampled_from(["human-review", "notify-manager", "rollback", "log-and-continue"])


def _compensations(ids: list[str]) -> st.SearchStrategy[Compensation]:
    undone = made(CompensationAction, names, step_id=st.sampled_from(ids), params=objects, timeout=durations)
    return st.builds(Compensation, st.lists(undone, min_size=1, max_size=3))


LEAVES: dict[StepType, st.SearchStrategy[dict[str, Any]]] = {
    "function": some(handler=names, params=objects, retry_policy=policies, on_error=st.just("retry")),
    "human-task": some(
        assign_to=people,
        details=objects,
        escalation_policy=st.builds(EscalationPolicy, durations, people),
        on_reject=st.sampled_from(["fail", "continue"]),
    ),
    "wait": st.fixed_dictionaries({"duration": durations}),
    "event": st.fixed_dictionaries({"event": names}, optional={"match": step_conditions}),
}


class _Steps:
    """Draws steps that bear the given ids, all of them, each once."""

    def __init__(self, draw: st.DrawFn, ids: list[str]) -> None:
        self.draw = draw
        self.common = some(
            name=texts,
            when=step_conditions,
            required=st.booleans(),
            timeout=durations,
            compensation=_compensations(ids),
            description=texts,
        )

    def listed(self, ids: list[str]) -> tuple[Step, ...]:
        """Steps of one list. Each waits for any that come before it in some order, so that no circle can be."""
        parts = self.parts(ids)
        shuffled = self.draw(st.booleans())
        order = self.draw(st.permutations(range(len(parts)))) if shuffled else list(range(len(parts)))
        after: dict[int, list[str] | None] = {}
        for n, i in enumerate(order):
            named = st.lists(st.sampled_from([parts[k][0] for k in order[:n]]), max_size=3) if n else st.just([])
            after[i] = self.draw(named if shuffled else st.none() | named)
        return tuple(self.step(part, after[i]) for i, part in enumerate(parts))

    def parts(self, ids: list[str]) -> list[list[str]]:
        cuts = sorted(self.draw(st.sets(st.integers(1, len(ids) - 1)))) if len(ids) > 1 else []
        return [ids[start:end] for start, end in zip([0, *cuts], [*cuts, len(ids)], strict=True)]

    def step(self, ids: list[str], after: list[str] | None = None) -> Step:
        """A step of the first id, with the others within it."""
        own, *rest = ids
        given = self.draw(self.common) | {"depends_on": after}
        if self.draw(st.integers(0, 2)) == 0:
            given["on_error"] = self.draw(error_words)
        if given.get("on_error") == "human-review":
            given |= self.draw(some(review=made(Review, assign_to=people, timeout=durations)))
        if not rest:
            kind = self.draw(st.sampled_from(list(LEAVES)))
            return Step(own, type=kind, **(self.draw(LEAVES[kind]) | given))
        if self.draw(st.booleans()):
            return Step(own, type="parallel", **given, **self.block(rest))
        then, *otherwise = self.parts(rest)
        return Step(
            own,
            type="condition",
            **given,
            condition=self.draw(step_conditions),
            then=self.step(then),
            else_=self.step([name for part in otherwise for name in part]) if otherwise else None,
        )

    def block(self, ids: list[str]) -> dict[str, Any]:
        steps = self.listed(ids)
        quorums = st.builds(Quorum, st.integers(1, len(steps)))
        return self.draw(
            some(strategy=st.sampled_from(["all", "any", "first"]) | quorums, max_concurrency=counts)
        ) | {"steps": steps}


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Workflows of all types of steps, nested at will; they read nothing but inputs, and all names lead somewhere."""
    size = draw(st.integers(1, 10))
    ids = draw(st.lists(step_ids, min_size=size, max_size=size, unique=True))
    errors = some(
        default_retry_policy=policies,
        compensation_strategy=st.sampled_from(["reverse-order", "parallel", "none"]),
        notify_on_failure=st.booleans(),
    )
    whole = some(
        timeout=durations,
        cancel_grace=durations,
        error_handling=st.builds(lambda given: WorkflowErrors(**given), errors),
        description=texts,
        pricing=pricings(st.sampled_from(ids)),
        billing=made(Billing, customer=SEEN_AT_THE_END, volume=SEEN_AT_THE_END),
        properties=properties,
    )
    return Workflow(draw(names), _Steps(draw, ids).listed(ids), **draw(whole))
