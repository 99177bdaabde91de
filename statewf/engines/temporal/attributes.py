"""The search attributes that a server needs: made when an executor is opened.

Below: `wire`, which names them. Above: `executor`.
"""

from __future__ import annotations

import asyncio

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from statewf.engines.temporal import wire
from statewf.engines.temporal.server import told
from statewf.errors import StoreError

ATTRIBUTES: dict[str, IndexedValueType.ValueType] = {
    wire.STATE: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    wire.OUTCOME: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    wire.TASKS: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    wire.ASSIGNED: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}
NOT_FOR_US = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)  # to see what operators see
PAUSES = (*[0.1] * 20, *[1.0] * 60)  # seconds between looks whether a server has taken up what it was told


async def prepare(client: Client) -> None:
    """Make sure that the server knows our search attributes. Raises StoreError that says what to do where it cannot."""
    with told():
        missing = await _missing(client)
        if not missing:
            return
        try:
            await client.operator_service.add_search_attributes(
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
        for pause in PAUSES:
            if await _goes_by_them(client):
                return
            await asyncio.sleep(pause)
    raise StoreError("the server was told of search attributes, and does not know them by now; try again")


async def _missing(client: Client) -> dict[str, IndexedValueType.ValueType]:
    """The attributes that the server does not know."""
    asked = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        known = await client.operator_service.list_search_attributes(asked)
    except RPCError as error:
        if error.status not in NOT_FOR_US:
            raise
        return {} if await _goes_by_them(client) else ATTRIBUTES
    return {name: kind for name, kind in ATTRIBUTES.items() if name not in known.custom_attributes}


async def _goes_by_them(client: Client) -> bool:
    """Whether instances can be searched for by our attributes: until then the server would refuse what workflows say of them."""
    try:
        await client.count_workflows(" AND ".join(f"{name} IS NOT NULL" for name in ATTRIBUTES))
    except RPCError as error:
        if error.status != RPCStatusCode.INVALID_ARGUMENT:
            raise
        return False
    return True
