"""The order machine as a Temporal workflow that somebody writes by hand: what `temporal` is measured beside.

It does what the machine does, with its own table of events: refuses by a validator, calls two activities, tries a payment three
times, gives up a validation after 30 seconds, tells what was paid and shipped, and keeps its state where it can be searched for.
`Lean` leaves that last thing out.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

STATE = SearchAttributeKey.for_keyword("StatewfState")
PAYMENTS = 3
TABLE = {
    "pending": {"VALIDATE": "validating", "CANCEL": "cancelled"},
    "validating": {},
    "validated": {"PROCESS_PAYMENT": "processing-payment"},
    "processing-payment": {},
    "paid": {"FULFILL": "fulfilling"},
    "fulfilling": {"SHIPPED": "shipped", "FULFILLMENT_FAILED": "fulfillment-failed"},
    "fulfillment-failed": {"RETRY": "fulfilling"},
    "shipped": {"DELIVERED": "delivered", "RETURN_REQUESTED": "returning"},
    "returning": {"RETURNED": "returned"},
}
MINUTE = timedelta(minutes=1)


@activity.defn
async def check_order(order: dict[str, Any]) -> bool:
    return bool(order)


@activity.defn
async def charge_payment(order: dict[str, Any]) -> bool:
    return bool(order)


@activity.defn
async def tell(event: str) -> None:
    assert event


class _Order:
    searched = True

    def __init__(self, order: dict[str, Any]) -> None:
        self._state = "pending"
        self._order = order
        self._data: dict[str, Any] = {}
        self._seen: dict[str, str] = {}
        self._work: asyncio.Task[None] | None = None

    @workflow.update
    async def send(self, document: dict[str, Any]) -> dict[str, Any]:
        self._data |= document["data"]
        self._seen[document["key"]] = document["event"]
        self._enter(TABLE[self._state][document["event"]])
        return {"state": self._state, "allowed": list(TABLE.get(self._state, {}))}

    @send.validator
    def may_send(self, document: dict[str, Any]) -> None:
        if document["event"] not in TABLE.get(self._state, {}):
            raise ApplicationError(
                f"{self._state} does not accept {document['event']}", list(TABLE.get(self._state, {}))
            )

    @workflow.query
    def state(self) -> str:
        return self._state

    async def live(self) -> str:
        if self.searched:
            workflow.upsert_search_attributes([STATE.value_set(self._state)])
        await workflow.wait_condition(
            lambda: self._state not in TABLE and (self._work is None or self._work.done())
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._state

    def _enter(self, state: str) -> None:
        self._state = state
        if self.searched:
            workflow.upsert_search_attributes([STATE.value_set(state)])
        does = {
            "validating": self._validate,
            "processing-payment": self._pay,
            "paid": self._tell,
            "shipped": self._tell,
        }
        if state in does:
            self._work = asyncio.create_task(does[state]())

    async def _validate(self) -> None:
        timeout = timedelta(seconds=30)
        try:
            well = await asyncio.wait_for(
                workflow.execute_activity(check_order, self._order, start_to_close_timeout=timeout), 30
            )
        except TimeoutError:
            well = False
        self._enter("validated" if well else "validation-failed")

    async def _pay(self) -> None:
        for _ in range(PAYMENTS):
            if await workflow.execute_activity(charge_payment, self._order, start_to_close_timeout=MINUTE):
                self._enter("paid")
                return
        self._enter("payment-failed")

    async def _tell(self) -> None:
        await workflow.execute_activity(tell, self._state, start_to_close_timeout=MINUTE)


@workflow.defn
class Order(_Order):
    @workflow.init
    def __init__(self, order: dict[str, Any]) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: dict[str, Any]) -> str:
        return await self.live()


@workflow.defn
class Lean(_Order):
    searched = False

    @workflow.init
    def __init__(self, order: dict[str, Any]) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: dict[str, Any]) -> str:
        return await self.live()
