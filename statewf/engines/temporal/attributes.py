"""The search attributes that a server needs: made when an executor is opened.

Below: `wire`, which names them. Above: `executor`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from statewf.engines.temporal import wire
from statewf.engines.temporal.server import told
from statewf.errors import StoreError

ATTRIBUTES = {
    wire.STATE: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    wire.OUTCOME: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    wire.TASKS: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    wire.ASSIGNED: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}
PAUSES = (*[0.1] * 20, *[1.0] * 60)  # seconds between looks whether a server has taken up what it was told


async def prepare(client: Client) -> None:
    """Make sure that the server knows our search attributes. Raises StoreError that says what to do where it cannot."""
    operator = client.operator_service
    with told():
        known = await operator.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        missing = {name: kind for name, kind in ATTRIBUTES.items() if name not in known.custom_attributes}
        if not missing:
            return
        try:
            await operator.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
        except RPCError as error:
            if error.status == RPCStatusCode.ALREADY_EXISTS:
                return  # somebody was quicker
            names = " ".join(
                f"--name {name} --type {'KeywordList' if name in (wire.TASKS, wire.ASSIGNED) else 'Keyword'}"
                for name in missing
            )
            hint = f"temporal operator search-attribute create --namespace {client.namespace} {names}"
            raise StoreError(f"the server lacks search attributes: {error.message}; make them: {hint}") from error
        await _taken_up(client, missing)


async def _taken_up(client: Client, names: Iterable[str]) -> None:
    """Wait until the server goes by attributes that were just made: until then it would refuse what workflows say of them."""
    for pause in PAUSES:
        try:
            await client.count_workflows(" AND ".join(f"{name} IS NOT NULL" for name in names))
        except RPCError as error:
            if error.status != RPCStatusCode.INVALID_ARGUMENT:
                raise
            await asyncio.sleep(pause)
        else:
            return
    raise StoreError("the server was told of search attributes, and does not know them by now; try again")
