"""Programs that are killed at every moment, right ones and wrong ones: what is wrong is found out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from trio.testing import MockClock

import statewf as wf
from statewf.history import Store
from statewf.machine.effects import Call, Emit
from statewf.machine.snapshot import Step
from statewf.runtime import Executor, Work
from statewf.runtime.handlers import Handlers
from statewf.testing import faults
from statewf.testing.dying import WRITES
from statewf.testing.trial import Evidence
from statewf.testing.virtual import VirtualLoop
from statewf.values.frozen import EMPTY, Map
from tests.runtime.support import machine

ORDER = machine("""
name: order
initialState: open
states:
  open: {on: {PAY: paying}}
  paying: {invoke: charge, on: {PAID: paid, DECLINED: open}, timeout: 1m, timeoutTransition: open}
  paid: {onEntry: [{type: function, handler: thank}, {type: emit, event: Order.paid}], terminal: true}
""")


@attrs.define
class Shop:
    """The world: who was charged how often, who was thanked, and what a subscriber was told."""

    charges: list[str] = attrs.field(factory=list)
    thanks: list[str] = attrs.field(factory=list)
    told: list[str] = attrs.field(factory=list)
    starts: int = 0

    async def charge(self, call: Work) -> wf.Event:
        """As it should be: the gateway knows the key."""
        await anyio.sleep(1)
        faults.here("asked the gateway")
        if call.key not in self.charges:
            self.charges.append(call.key)
        faults.here("charged")
        return wf.Event("PAID", {"receipt": len(self.charges)})

    async def charge_again(self, call: Work) -> wf.Event:
        """As it should not be: whoever is charged twice pays twice."""
        self.charges.append(call.key)
        return wf.Event("PAID", {"receipt": 1})

    def thank(self, call: Work) -> None:
        self.thanks.append(call.key)

    def handlers(self) -> Handlers:
        return {"charge": self.charge, "thank": self.thank}

    def careless(self) -> Handlers:
        return {"charge": self.charge_again, "thank": self.thank}


async def live(executor: Executor, shop: Shop) -> None:
    executor.on("Order.paid", lambda emitted: shop.told.append(emitted.id), subscriber="mail")
    await executor.deploy(ORDER)
    order = await executor.start("order", {"amount": 30}, request_id="R-1")
    await order.send("PAY", {"card": 7}, key="pay-1")
    await order.wait()
    while not shop.told:
        await anyio.sleep(1)


@pytest.fixture(params=["memory", "sqlite"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "sqlite" else None


def test_handlers_that_use_their_key_are_right_whenever_the_process_dies(folder: Path | None) -> None:
    trials = list(faults.every_crash(live, Shop, Shop.handlers, folder=folder))
    for trial in trials:
        (order,) = trial.kept
        assert trial.findings() + trial.differences(times=False) == [], trial
        assert (len(trial.world.charges), set(trial.world.told)) == (1, {f"{order.card.id}/3/0"}), trial
        assert (order.card.request_id, order.document["state"]) == ("R-1", "paid")
    whole, *killed = trials
    assert [trial.killed for trial in killed] == [(boundary,) for boundary in whole.passed[0]]


def test_the_boundaries_are_before_after_and_between_all_that_is_done() -> None:
    whole = next(faults.every_crash(live, Shop, Shop.handlers))
    mine = [boundary for boundary in whole.passed[0] if "purge" not in boundary and "subscri" not in boundary]
    assert mine == [
        "before the claim of the lease",
        "after the claim of the lease",
        "before the deployment",
        "after the deployment",
        "before the commit of step 1 of order 1 ($start)",
        "after the commit of step 1 of order 1 ($start)",
        "before the commit of step 2 of order 1 (PAY)",
        "after the commit of step 2 of order 1 (PAY)",
        "before charge at main/2, attempt 1",
        "here: asked the gateway",
        "here: charged",
        "after charge at main/2, attempt 1, before its reply is taken",
        "before the commit of step 3 of order 1 (PAID)",
        "after the commit of step 3 of order 1 (PAID)",
        "before thank at main/3/paid:entry:0, attempt 1",
        "after thank at main/3/paid:entry:0, attempt 1, before its reply is taken",
        "before the commit of step 4 of order 1 ($returned)",
        "after the commit of step 4 of order 1 ($returned)",
        "before the release of the lease",
        "after the release of the lease",
    ]


def test_with_sqlite_it_dies_between_the_statements_of_a_transaction_too(tmp_path: Path) -> None:
    whole = next(faults.every_crash(live, Shop, Shop.handlers, folder=tmp_path))
    within = [
        name.partition(", before ")[2] for name in whole.passed[0] if name.startswith("within the commit of step 2")
    ]
    assert within == [
        "UPDATE lease SET",
        "UPDATE instance SET",
        "INSERT INTO history",
        "INSERT INTO log",
        "INSERT INTO event_key",
        "COMMIT",
    ]
    with Path(tmp_path / faults.USED).open("rb") as left:
        assert left.read(6) == b"SQLite", "the store of the last trial can be looked at"


def test_a_handler_that_forgets_its_key_is_found_out(folder: Path | None) -> None:
    trials = list(faults.every_crash(live, Shop, Shop.careless, folder=folder))
    twice = [trial.killed[0] for trial in trials if len(trial.world.charges) == 2]
    assert twice[0] == "after charge at main/2, attempt 1, before its reply is taken"
    assert twice[1] == "before the commit of step 3 of order 1 (PAID)"
    assert all("the commit of step 3" in boundary for boundary in twice[1:])
    assert [trial for trial in trials if trial.findings()] == [], "which is no fault of statewf"


def test_a_handler_that_is_killed_did_not_fail(folder: Path | None) -> None:
    for trial in faults.every_crash(live, Shop, Shop.handlers, folder=folder):
        events = [row["event"] for row in trial.kept[0].document["history"]]
        assert events == ["$start", "PAY", "PAID", "$returned"], trial
        calls = [
            (key.partition("/")[2], attempt, len(calls.ended)) for (key, attempt), calls in trial.calls.items()
        ]
        assert [call[:2] for call in calls] == [("main/2", 1), ("main/3/paid:entry:0", 1)], trial


def test_a_call_is_made_again_only_if_it_was_in_flight() -> None:
    whole, *trials = faults.every_crash(live, Shop, Shop.handlers)
    assert {tuple(calls.begun) for calls in whole.calls.values()} == {(1,)}
    again = {trial.killed[0] for trial in trials for calls in trial.calls.values() if calls.begun == [1, 2]}
    assert again == {
        "here: asked the gateway",
        "here: charged",
        "after charge at main/2, attempt 1, before its reply is taken",
        "before the commit of step 3 of order 1 (PAID)",
        "after thank at main/3/paid:entry:0, attempt 1, before its reply is taken",
        "before the commit of step 4 of order 1 ($returned)",
    }


def test_recovery_is_killed_too(folder: Path | None) -> None:
    every = 1 if folder is None else 11
    trials = list(faults.every_crash(live, Shop, Shop.handlers, folder=folder, again=every))
    for trial in trials:
        assert trial.findings() + trial.differences(times=False) == [], trial
        assert len(trial.world.charges) == 1, trial
    deaths = Counter(len(trial.killed) for trial in trials)
    whole, once = trials[0], [trial for trial in trials if len(trial.killed) == 1]
    assert deaths == {0: 1, 1: len(whole.passed[0]), 2: sum(trial.recovery for trial in once) // every}


def test_a_recovery_ends_when_open_calls_are_made_again_and_something_was_kept() -> None:
    trials = list(faults.every_crash(live, Shop, Shop.handlers))
    (trial,) = [trial for trial in trials if trial.killed == ("here: charged",)]
    assert trial.passed[1][: trial.recovery][-2:] == (
        "before the commit of step 3 of order 1 (PAID)",
        "after the commit of step 3 of order 1 (PAID)",
    )


# --- programs and handlers of all kinds


async def forgetful(executor: Executor, shop: Shop) -> None:
    """Starts anew and sends anew whenever it is started."""
    await executor.deploy(ORDER)
    order = await executor.start("order", {"amount": 30})
    await order.send("PAY", {"card": 7})
    await order.wait()


def test_a_program_that_does_things_twice_is_found_out() -> None:
    trials = [trial for trial in faults.every_crash(forgetful, Shop, Shop.handlers) if trial.differences()]
    assert {line for trial in trials for line in trial.differences()} == {"there are 2 instances instead of 1"}
    assert trials[0].killed == ("after the commit of step 1 of order 1 ($start)",)


async def stuck(executor: Executor, shop: Shop) -> None:
    shop.starts += 1
    await live(executor, shop)
    while shop.starts > 1:
        await anyio.sleep(3600)


def test_a_program_that_does_not_end_any_more_is_given_up() -> None:
    trials = iter(faults.every_crash(stuck, Shop, Shop.handlers))
    assert next(trials).findings() == []
    assert next(trials).findings() == [], "it died before it began"
    found = [line for trial in trials for line in trial.findings()]
    assert set(found) == {"life 2 was given up, for it did not end in 86410 s"}


def test_a_program_that_never_ends_is_no_program_to_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "MOST_DAYS", 2)

    async def never(executor: Executor, shop: Shop) -> None:
        await anyio.sleep_forever()

    with pytest.raises(TimeoutError, match="although it was not killed"):
        next(faults.every_crash(never, Shop, Shop.handlers))


async def refuse(call: Work) -> None:
    raise wf.NonRetryable("no")


STEPS = machine("""
name: steps
steps:
  - {id: greet}
  - {id: ask, type: human-task, assignTo: ann}
  - {id: send, retryPolicy: {maxAttempts: 2, baseDelay: 1000}, compensation: {steps: [{action: unsend}]}}
  - {id: fail}
""")


@attrs.define
class Post:
    sent: list[tuple[str, int]] = attrs.field(factory=list)
    cleaned: list[str] = attrs.field(factory=list)

    async def send(self, call: Work) -> object:
        try:
            faults.here("sending")
            self.sent.append((call.key.partition("/")[2], call.attempt))
            if call.attempt == 1:
                raise OSError("down")
            return {"sent": True}
        finally:
            self.clean(call.key)

    def clean(self, key: str) -> None:
        """What a dead process would do is refused here."""
        faults.here("cleaning")
        self.cleaned.append(key)

    def handlers(self) -> Handlers:
        return {"greet": lambda _: sleep_a_moment(), "send": self.send, "fail": refuse, "unsend": lambda _: None}


async def sleep_a_moment() -> dict[str, str]:
    await anyio.sleep(1)
    return {"said": "hello"}


async def post(executor: Executor, world: Post) -> None:
    await executor.deploy(STEPS)
    instance = await executor.start("steps", request_id="1")
    await instance.until(lambda: bool(instance.tasks()) or instance.done)
    for task in instance.tasks():
        await instance.complete(task.id, "approved", by="ann")
    await instance.wait()


def test_handlers_that_raise_or_return_what_is_awaited_and_decisions(folder: Path | None) -> None:
    for trial in faults.every_crash(post, Post, Post.handlers, folder=folder):
        assert trial.findings() + trial.differences(times=False) == [], trial
        assert trial.kept[0].document["state"] == "compensated", trial
        assert set(trial.world.sent) == {("send/1", 1), ("send/1", 2)}, trial
        assert len(trial.world.cleaned) == len(trial.world.sent) - (trial.killed == ("here: cleaning",)), trial
        assert all(calls.ended for calls in trial.calls.values()), trial


def test_outside_of_a_trial_here_is_nothing() -> None:
    faults.here("nowhere")


# --- what is not as it must be, is told


@pytest.fixture
def trial() -> faults.Trial[Shop]:
    *_, last = faults.every_crash(live, Shop, Shop.handlers)
    return last


def test_what_was_acknowledged_and_is_not_kept_is_told(trial: faults.Trial[Shop]) -> None:
    assert {told.event: told.seq for told in trial.acknowledged} == {"$start": 1, "PAY": 2}
    for change in ({"seq": 3}, {"seq": 9}, {"key": "pay-2"}, {"event": "PAID"}, {"instance": "order-0"}):
        *others, sent = trial.acknowledged
        changed = attrs.evolve(trial, acknowledged=(*others, sent._replace(**change)))
        assert len(changed.findings()) == 1
        assert "was acknowledged" in changed.findings()[0]


def test_what_is_kept_and_nobody_said_is_told(trial: faults.Trial[Shop]) -> None:
    calls = {call: calls for call, calls in trial.calls.items() if "paid:entry" in call[0]}
    (found,) = attrs.evolve(trial, calls=calls).findings()
    assert "has a result of charge, which never ended" in found


def kept(trial: faults.Trial[Shop], number: int, change: Callable[[Any], Any]) -> faults.Trial[Shop]:
    """The trial, but that the step of that number was another."""
    (order,) = trial.kept
    steps = list(order.steps)
    steps[number - 1] = change(steps[number - 1])
    return attrs.evolve(trial, kept=(attrs.evolve(order, steps=tuple(steps)),))


def test_two_keys_of_a_visit_and_two_visits_of_a_key_are_told(trial: faults.Trial[Shop]) -> None:
    def retried(step: Step) -> Step:
        (call,) = (effect for effect in step.effects if isinstance(effect, Call))
        again = call._replace(attempt=2, key=call.key + "/2")
        return step._replace(effects=(*step.effects, again))

    def doubled(step: Step) -> Step:
        return step._replace(effects=step.effects * 2)

    told, *_ = kept(trial, 2, retried).findings()
    assert told.startswith("attempt 2 of charge goes by ")
    (told,) = kept(trial, 2, doubled).findings()
    assert told.endswith("/main/2 is the key of two visits")


def test_a_call_that_was_not_kept_or_begun_twice_is_told() -> None:
    evidence = Evidence()
    work = Work("charge", EMPTY, EMPTY, 1, "paying", "order-1", "order-1/main/2", Map())
    evidence.begin(work, 1)
    evidence.open["order-1"] = {(work.key, 1): "charge"}
    evidence.begin(work, 2)
    evidence.begin(work, 2)
    evidence.begin(attrs.evolve(work, handler="thank"), 3)
    assert evidence.wrong == [
        "charge at main/2, attempt 1 was begun in life 1, and no such call was open in the store",
        "charge at main/2, attempt 1 was begun twice in life 2",
        "thank at main/2, attempt 1 was begun in life 3, and no such call was open in the store",
    ]
    evidence.start("order", "R-1", "order-1")
    evidence.start("gift", "R-1", "gift-1")
    evidence.start("order", "R-1", "order-2")
    assert evidence.wrong[3:] == ["R-1 of order was told to be order-1, and then order-2"]


def test_a_history_that_went_otherwise_is_told(trial: faults.Trial[Shop]) -> None:
    for change, what in (
        ({"path": ("main", "open", "paid", 1, ("paid",))}, "what changed in main"),
        ({"event": wf.Event("PAY", {"card": 8}, key="pay-1")}, "what came from outside"),
        ({"event": wf.Event("PAY", {"card": 7}, key="pay-2")}, "what came from outside"),
        ({"effects": (Emit("Order.lost", None),)}, "emitted"),
    ):
        found = kept(trial, 2, lambda step, change=change: step._replace(**change)).differences()  # type: ignore[misc]  # bound early
        assert [line.partition(" is ")[0] for line in found] == [f"order 1: {what}"]
    later = kept(trial, 3, lambda step: step._replace(after=step.after._replace(at=step.after.at + 1)))
    told = [line.partition(" is ")[0] for line in later.differences()]
    assert told == ["order 1: elapsed", "order 1: emitted", "order 1: what changed in main"]
    assert later.differences(times=False) == []


def test_whatever_a_store_can_do_is_a_boundary_or_changes_nothing() -> None:
    reads = {
        *("close", "lease", "asked", "answered", "machine", "current", "number", "version", "card", "request"),
        *("load", "events", "rows", "key", "cards", "due", "next_due", "tasks", "busy", "undelivered", "grave"),
        *("search", "census", "last", "since", "names"),
    }
    assert {name for name in vars(Store) if not name.startswith("_")} - {"shared"} == reads | WRITES.keys()


# --- in an event loop that is there already


@pytest.mark.parametrize(
    "backend", [("asyncio", {"loop_factory": VirtualLoop}), ("trio", {"clock": MockClock(autojump_threshold=0)})]
)
def test_in_a_coroutine_it_is_the_same(backend: tuple[str, dict[str, Any]], folder: Path | None) -> None:
    async def test() -> int:
        number = 0
        async with aclosing(faults.every_crash_async(live, Shop, Shop.handlers, folder=folder)) as trials:
            async for trial in trials:
                assert trial.findings() + trial.differences(times=False) == [], trial
                assert len(trial.world.charges) == 1, trial
                number += 1
        return number

    name, options = backend
    many = anyio.run(test, backend=name, backend_options=options)
    assert many > (20 if folder is None else 50)
