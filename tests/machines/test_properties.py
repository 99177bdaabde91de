"""What each machine promises is proved, and each promise is worth something: a plausible mistake in the file breaks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import statewf as wf
from statewf.checker import check
from statewf.definition.document import document
from tests.machines.driving import MACHINES

Node: TypeAlias = dict[str, Any]
Mistake: TypeAlias = Callable[[Node], None]

FILES = sorted(MACHINES.glob("*.yaml"))
SHORTEST = 2_000
NO_STRATEGY = {"compensationStrategy": "none"}
ALL_AT_ONCE = {"compensationStrategy": "parallel"}


def written(name: str) -> Node:
    file = MACHINES / f"{name}.yaml"
    value = document(file.read_bytes(), str(file)).value
    return json.loads(json.dumps(value))  # type: ignore[no-any-return]  # a copy, to be broken


def breaks(value: Node) -> bool:
    """Whether some run violates its one property; no more than some of the shortest runs are wanted for that."""
    report = check(wf.loads(json.dumps(value)), limit=SHORTEST)
    (found,) = report.verdicts
    return found.answer in ("refuted", "possible") or found.run is not None


# --- mistakes


def every_step(value: Any) -> Iterator[Node]:
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(part, dict) and "id" in part:
            yield part
        yield from every_step(part)


def part_of(value: Node, name: str) -> Node:
    """The state or step of that name."""
    if "states" in value:
        return value["states"][name]  # type: ignore[no-any-return]
    return next(step for step in every_step(value) if step["id"] == name)


def at_top(**keys: Any) -> Mistake:
    return lambda value: value.update(keys)


def set_in(name: str, **keys: Any) -> Mistake:
    return lambda value: part_of(value, name).update(keys)


def drop_in(name: str, *keys: str) -> Mistake:
    def mistake(value: Node) -> None:
        for key in keys:
            del part_of(value, name)[key]

    return mistake


def leads(state: str, event: str, target: str) -> Mistake:
    return lambda value: part_of(value, state)["on"].update({event: target})


def without(*names: str) -> Mistake:
    """Fewer steps, so that a mistake is seen in fewer runs."""

    def mistake(value: Node) -> None:
        value["steps"] = steps = [step for step in value["steps"] if step["id"] not in names]
        for step in steps:
            if set(step.get("dependsOn", ())) & set(names):
                del step["dependsOn"]

    return mistake


def both(*mistakes: Mistake) -> Mistake:
    def mistake(value: Node) -> None:
        for one in mistakes:
            one(value)

    return mistake


def both_branches(name: str) -> Mistake:
    """A condition becomes a block in which both its branches run."""

    def mistake(value: Node) -> None:
        step = part_of(value, name)
        del step["condition"]
        step.update(type="parallel", steps=[step.pop("then"), step.pop("else")])

    return mistake


BROKEN: dict[str, dict[str, Mistake]] = {
    "approval_chain": {
        "nothing is ordered without a budget": set_in("reserve-budget", required=False),
        "the team lead's no is a no": set_in("team-lead", required=False),
        "the board's no is a no": set_in("board", required=False),
        "two of the board agree, or the board does not": set_in("board", strategy={"quorum": 1}),
        "an order is confirmed or cancelled again, unless undoing is cut short": both(
            drop_in("confirmation", "review"), set_in("confirmation", onError="log-and-continue")
        ),
        "the order is cancelled before its budget is given to others": at_top(errorHandling=ALL_AT_ONCE),
    },
    "content_production": {
        "nothing is published unchecked": set_in("publish", dependsOn=[]),
        "what is copied is never published": both(
            set_in("plagiarism-check", required=False), without("create-assets", "choose-headline")
        ),
        "a pipeline that is done has published something": both(
            set_in("publish", required=False), without("create-assets", "choose-headline")
        ),
    },
    "customer_onboarding": {
        "nobody gets into the interfaces before it is known who that is": set_in(
            "setup-features", dependsOn=["profile"], condition="inputs.known === true"
        ),
        "who cannot be verified gets no features at all": both(
            set_in("personal-verification", required=False), set_in("setup-features", condition="inputs.known === true")
        ),
        "a customer is a business or a person, not both": both(
            both_branches("verify-identity"), set_in("setup-features", condition="inputs.known === true")
        ),
        "a profile is of use or removed, unless undoing is cut short": set_in("setup-features", required=False),
    },
    "document_processing": {
        "nothing is filed that is not validated": set_in("route", dependsOn=["extract"]),
        "a document whose fields are wrong is never done": set_in("validate", required=False),
        "a full archive does not spoil a document that was read": set_in("route", required=True),
        "the scan desk has an answer for every page, or the page comes back": set_in(
            "ocr", review={"assignTo": "scan-desk"}
        ),
    },
    "ecommerce_fulfilment": {
        "nothing is sent unpaid": set_in("pick-pack", dependsOn=["check-inventory"]),
        "no empty parcel is sent": set_in("pack", required=False),
        "the parcel is called back before the money goes back": at_top(errorHandling=ALL_AT_ONCE),
        "what was sent arrives or is called back, unless undoing is cut short": both(
            drop_in("track", "review"), set_in("track", onError="log-and-continue")
        ),
        "nobody is thanked for a parcel that is still on its way": set_in("confirm", dependsOn=["ship"]),
    },
    "employee_onboarding": {
        "nobody begins unsigned": both(set_in("contract", required=False), without("provision")),
        "nobody begins unpaid": set_in("payroll", onError="log-and-continue"),
        "who is registered arrives or is struck off again, unless undoing is cut short": drop_in("contract", "timeout"),
        "accounts go before the name does": at_top(errorHandling=ALL_AT_ONCE),
    },
    "expense_approval": {
        "nothing is paid out before it is approved": set_in("process", dependsOn=["policy-check"]),
        "what the policy or a person has not approved is not paid out": set_in("human-approval", required=False),
        "a rejected report is never paid out": set_in("human-approval", onReject="continue"),
        "nobody waits for an approval for ever": drop_in("human-approval", "timeout"),
    },
    "invoice_processing": {
        "nothing is paid that is not approved": set_in("process-payment", dependsOn=["validate"]),
        "when the payment fails, the approval is taken back": drop_in("process-payment", "onError"),
        "an invoice whose payment failed is never completed": set_in("process-payment", onError="log-and-continue"),
        "a paid invoice is completed, books or no books, unless somebody cancels": drop_in(
            "update-accounting", "onError"
        ),
        "what a person shall look at does not lie there for ever": set_in(
            "validate", review={"assignTo": "accounts-payable"}
        ),
    },
    "issue_resolution": {
        "no remedy is tried but on a copy": set_in("collect", required=False),
        "what even the engineer could not mend is not called resolved": set_in("engineer", required=False),
        "one remedy at a time": set_in("remedies", maxConcurrency=2),
        "once a remedy helped, the next is not begun": set_in("remedies", strategy="all"),
        "nobody is woken before it is known whether a remedy helped": set_in(
            "engineer", dependsOn=["remedies"], when="inputs.urgent === true"
        ),
        "a call for an engineer does not stay open for ever": drop_in("engineer", "timeout"),
    },
    "order": {
        "nothing leaves the warehouse unpaid": leads("validated", "FULFILL", "fulfilling"),
        "once money is asked for, the customer cannot simply cancel": leads("paid", "CANCEL", "cancelled"),
        "what was paid is delivered or comes back, unless somebody stops it": both(
            drop_in("fulfillment-failed", "on"), set_in("fulfillment-failed", terminal=True)
        ),
        "every check comes to an end": drop_in("validating", "timeout", "timeoutTransition"),
        "nobody is charged more than three times": set_in(
            "processing-payment", retry={"maxAttempts": 4, "on": "PAYMENT_FAILED"}
        ),
    },
    "order_fulfilment": {
        "nothing is shipped unpaid": set_in("inventory", dependsOn=["validate"]),
        "nothing is shipped that is not reserved": set_in("reserve", required=False),
        "who paid gets the goods or the money back, unless undoing is cut short": at_top(errorHandling=NO_STRATEGY),
        "no order just fails once it is paid": drop_in("payment", "compensation"),
        "the goods are back in the stock before the money goes back": at_top(errorHandling=ALL_AT_ONCE),
    },
    "support_ticket_routing": {
        "no ticket goes to two places": both_branches("route"),
        "nobody is answered before the ticket has a team": set_in("auto-respond", dependsOn=["priority"]),
        "a ticket that was routed is not forgotten": drop_in("take-over", "timeout"),
        "what was withdrawn keeps nobody busy": set_in("monitor", strategy="all"),
    },
    "video_processing": {
        "no scenes are looked for in a film that is not there": set_in("analyze", dependsOn=[]),
        "two processors do not transcode three films": set_in("transcode", maxConcurrency=3),
        "a film may be done without its smallest size": set_in("tiny", required=True),
        "a film without scenes is never done": set_in("analyze", onError="log-and-continue"),
        "files stay only with a film that is done, unless undoing is cut short": at_top(errorHandling=NO_STRATEGY),
    },
}  # fmt: skip
SOME = [(name, said) for name, broken in BROKEN.items() for said in broken]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_all_that_a_machine_promises_is_proved(file: Path) -> None:
    report = check(wf.load(file))
    assert len(report.verdicts) >= 3
    assert {found.name: found.answer for found in report.verdicts} == dict.fromkeys(BROKEN[file.stem], "proved")
    assert not [found for found in report.verdicts if found.idle]


@pytest.mark.parametrize(("name", "said"), SOME)
def test_a_mistake_in_the_file_breaks_it(name: str, said: str) -> None:
    value = written(name)
    value["properties"] = [one for one in value["properties"] if one["name"] == said]
    BROKEN[name][said](value)
    assert breaks(value)
