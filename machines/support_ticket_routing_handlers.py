"""What ticket routing calls: a reader of tickets, a scale for their weight, queues, and a writer of answers.

A queue is a folder of the help desk with one file a ticket, so that two that come at once do no harm to
each other, and the same one coming twice is there once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from statewf import NonRetryable
from statewf.runtime import Work


class Team(NamedTuple):
    """Who helps with what, and what is worth reading until they come to it."""

    lead: str
    words: str
    article: str


TEAMS = {
    "billing": Team(
        "bea",
        "invoice refund charge charged card payment price paid subscription vat",
        "Refunds reach your card within five working days.",
    ),
    "access": Team(
        "ali",
        "password login account locked reset email code access sign",
        "You can set a new password by the link below the login form.",
    ),
    "technical": Team(
        "tom",
        "error crash bug slow down outage api server timeout broken fails data",
        "Our status page tells what we know already.",
    ),
}
GENERAL = Team("gil", "", "We read every letter.")
WEIGHTS = {"outage": 4, "breach": 5, "security": 3, "down": 3, "lost": 2, "everybody": 2, "urgent": 1, "asap": 1}
PLANS = {"enterprise": 2, "business": 1}
LEVELS = ((5, "urgent"), (2, "high"), (0, "normal"))


def classify(call: Work) -> dict[str, Any]:
    """Which team that is for, by the words in it. Raises NonRetryable for a ticket that says nothing."""
    words = _words(call.inputs)
    if not words:
        raise NonRetryable("the ticket says nothing: it has neither a subject nor a text")
    hits = {name: sorted(words.intersection(team.words.split())) for name, team in TEAMS.items()}
    best = max(hits, key=lambda name: len(hits[name]))
    team = best if hits[best] else "general"
    return {"team": team, "lead": TEAMS.get(team, GENERAL).lead, "because": hits[best]}


def priority(call: Work) -> dict[str, Any]:
    """How much it weighs: what is wrong, and whose it is."""
    words = _words(call.inputs)
    reasons = sorted(words & WEIGHTS.keys())
    weight = sum(WEIGHTS[word] for word in reasons) + PLANS.get(str(_customer(call).get("plan")), 0)
    return {
        "level": next(level for least, level in LEVELS if weight >= least),
        "weight": weight,
        "reasons": reasons,
    }


def page_on_call(call: Work) -> dict[str, Any]:
    """Leave a page where who is on call sees it."""
    return _filed(call, "on-call")


def queue_ticket(call: Work) -> dict[str, Any]:
    """Put the ticket into the queue of its team."""
    return _filed(call, call.results["classify"]["team"])


def auto_respond(call: Work) -> dict[str, Any]:
    """Write a first answer. Raises ValueError if there is no address to send it to."""
    customer = _customer(call)
    address = str(customer.get("email", ""))
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise ValueError(f"{address!r} is no address to answer to")
    team = TEAMS.get(call.results["classify"]["team"], GENERAL)
    letter = (
        f"To: {address}\nSubject: Re: {call.inputs.get('subject', 'your ticket')}\n\n"
        f"Dear {customer.get('name', 'customer')},\n\n{team.lead.capitalize()} will see to ticket "
        f"{call.inputs['ticket']}. {team.article}\n"
    )
    file = _place(call, "answers").with_suffix(".txt")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(letter, encoding="utf-8")
    return {"answer": str(file)}


handlers = {
    "classify": classify,
    "priority": priority,
    "page-on-call": page_on_call,
    "queue-ticket": queue_ticket,
    "auto-respond": auto_respond,
}


def _words(ticket: Any) -> set[str]:
    text = f"{ticket.get('subject') or ''} {ticket.get('text') or ''}"
    return set(re.findall(r"[a-z]+", text.lower()))


def _customer(call: Work) -> Mapping[str, Any]:
    customer: Mapping[str, Any] = call.inputs.get("customer") or {}
    return customer


def _place(call: Work, queue: str) -> Path:
    ticket = str(call.inputs["ticket"])
    if not re.fullmatch(r"\w[\w.-]*", ticket):
        raise NonRetryable(f"{ticket!r} is not the number of a ticket")
    return Path(call.inputs["desk"]) / queue / f"{ticket}.json"


def _filed(call: Work, queue: str) -> dict[str, Any]:
    file = _place(call, queue)
    file.parent.mkdir(parents=True, exist_ok=True)
    weighed = call.results["priority"]
    told = {"ticket": call.inputs["ticket"], "level": weighed["level"], "subject": call.inputs.get("subject")}
    file.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return {"queue": queue, "file": str(file)}
