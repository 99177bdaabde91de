"""The API as a program uses it: in this process, on both kinds of store."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import statewf as wf
from statewf.web.service import Service
from tests.web.support import DOOR

pytestmark = pytest.mark.anyio


async def started(http: httpx.AsyncClient, machine: str, **inputs: Any) -> str:
    answer = await http.post("/api/instances", json={"machine": machine, "inputs": inputs})
    assert answer.status_code == 201
    instance: str = answer.json()["instance"]
    assert answer.headers["location"] == f"/api/instances/{instance}"
    return instance


async def sent(http: httpx.AsyncClient, instance: str, event: str, **more: Any) -> httpx.Response:
    return await http.post(f"/api/instances/{instance}/events", json={"event": event, **more})


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer, which is one."""
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["status"], found["code"]) == (status, status, code)
    assert found["type"] == f"urn:statewf:problem:{code}"
    assert found["title"]
    assert found["detail"]
    return found


# --- machines


async def test_machines_are_listed_with_how_many_are_where(http: httpx.AsyncClient) -> None:
    await started(http, "door")
    (claim, door) = (await http.get("/api/machines")).json()
    assert (claim["name"], door["name"], claim["states"]) == ("claim", "door", [])
    assert door["states"] == [{"state": "shut", "outcome": None, "instances": 1}]
    assert (await http.get("/api/stats")).json() == {"door": door["states"]}


async def test_a_machine_is_told_whole(http: httpx.AsyncClient) -> None:
    door = (await http.get("/api/machines/door")).json()
    assert (door["kind"], door["description"]) == ("states", "A door that counts.")
    assert door["definition"]["initialState"] == "shut"
    assert set(door["events"]) == {"OPEN", "LOCK", "SHUT", "NOTE"}
    assert (await http.get("/api/machines/claim")).json()["kind"] == "steps"
    problem(await http.get("/api/machines/none"), 404, "unknown-machine")


async def test_a_machine_is_deployed_by_its_text(http: httpx.AsyncClient, served: Service) -> None:
    answer = await http.post("/api/machines", json={"text": DOOR.replace("name: door", "name: gate")})
    assert (answer.status_code, answer.json()["name"]) == (201, "gate")
    assert "gate" in [one["name"] for one in (await http.get("/api/machines")).json()]
    await started(http, "gate")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name: x", "definition-error"),
        ("{ initialState: a, states: { a: { on: { GO: b } } } }", "compile-error"),
        ("name: x\nsteps: [{ id: a, handler: 'os.system' }]", "handlers-error"),
    ],
)
async def test_what_is_no_machine_here_is_refused_with_all_mistakes(
    http: httpx.AsyncClient, text: str, code: str
) -> None:
    told = problem(await http.post("/api/machines", json={"text": text}), 422, code)
    assert told["errors"]
    assert all(one["message"] and one["code"] for one in told["errors"])


async def test_what_a_check_says_is_what_the_verb_says(http: httpx.AsyncClient) -> None:
    report = (await http.get("/api/machines/door/check")).json()
    assert report["ok"] is True
    assert report["states"] == 3


async def test_a_machine_is_drawn(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/machines/door/picture", params={"format": "mermaid"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert "stateDiagram-v2" in answer.text
    answer = await http.get("/api/machines/door/picture")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "<svg" in answer.text
    problem(await http.get("/api/machines/door/picture", params={"format": "png"}), 400, "invalid")


# --- instances


async def test_the_five_dispositions_have_a_status_each(http: httpx.AsyncClient) -> None:
    door = await started(http, "door")
    accepted = await sent(http, door, "OPEN", key="k")
    assert (accepted.status_code, accepted.json()["disposition"]) == (201, "accepted")
    assert (accepted.json()["state"], accepted.json()["seq"]) == ("open", 2)
    again = await sent(http, door, "OPEN", key="k")
    assert (again.status_code, again.json()["disposition"]) == (208, "duplicate")
    deferred = await sent(http, door, "OPEN")
    assert (deferred.status_code, deferred.json()["disposition"]) == (202, "deferred")
    told = problem(await sent(http, await started(http, "door"), "SHUT"), 409, "rejected")
    assert (told["event"], told["reason"], told["allowed"]) == ("SHUT", "unexpected", ["OPEN", "LOCK"])
    assert told["hint"] == "it accepts OPEN, LOCK now"


async def test_what_is_ignored_is_told_so(http: httpx.AsyncClient) -> None:
    text = DOOR.replace("name: door", "name: deaf\nunexpected: ignore")
    await http.post("/api/machines", json={"text": text})
    answer = await sent(http, await started(http, "deaf"), "SHUT")
    assert (answer.status_code, answer.json()["disposition"]) == (200, "ignored")


async def test_a_key_is_one_event(http: httpx.AsyncClient) -> None:
    door = await started(http, "door")
    await sent(http, door, "OPEN", key="k")
    problem(await sent(http, door, "NOTE", key="k"), 422, "key-conflict")


async def test_a_request_is_one_instance(http: httpx.AsyncClient) -> None:
    body = {"machine": "door", "inputs": {"a": 1}, "requestId": "R"}
    first, again = [await http.post("/api/instances", json=body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["instance"] == again.json()["instance"]
    problem(await http.post("/api/instances", json={**body, "inputs": {}}), 409, "request-conflict")
    problem(await http.post("/api/instances", json={"machine": "none"}), 404, "unknown-machine")


async def test_an_instance_is_told_whole_with_its_history(http: httpx.AsyncClient) -> None:
    door = await started(http, "door", who="ann")
    for event in ("OPEN", "NOTE", "NOTE"):
        await sent(http, door, event)
    told = (await http.get(f"/api/instances/{door}")).json()
    assert (told["state"], told["context"], told["allowed"]) == ("open", {"who": "ann", "n": 2}, ["SHUT", "NOTE"])
    page = (await http.get(f"/api/instances/{door}/history", params={"limit": 3})).json()
    assert ([row["event"] for row in page["rows"]], page["next"]) == (["$start", "OPEN", "NOTE"], 3)
    rest = (await http.get(f"/api/instances/{door}/history", params={"after": page["next"]})).json()
    assert ([row["seq"] for row in rest["rows"]], rest["next"]) == ([4], None)
    drawn = await http.get(f"/api/instances/{door}/picture", params={"format": "mermaid"})
    assert "active" in drawn.text
    problem(await http.get("/api/instances/none"), 404, "unknown-instance")
    problem(await http.get("/api/instances/none/history"), 404, "unknown-instance")


async def test_instances_are_found_page_by_page(http: httpx.AsyncClient) -> None:
    doors = [await started(http, "door", n=n) for n in range(5)]
    claim = await started(http, "claim", boss="bob")
    await sent(http, doors[2], "OPEN")
    found: list[str] = []
    cursor = None
    for _ in range(3):
        page = (
            await http.get("/api/instances", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        found += [one["instance"] for one in page["instances"]]
        cursor = page["next"]
    assert (found, cursor) == ([claim, *doors[::-1]], None)
    sought: list[tuple[dict[str, Any], list[str]]] = [
        ({"machine": "claim"}, [claim]),
        ({"state": "open"}, [doors[2]]),
        ({"text": "BOB"}, [claim]),
        ({"outcome": "success"}, []),
        ({"outcome": "running", "machine": "door", "limit": 1}, [doors[4]]),
        ({"since": 2**50}, []),
    ]
    for wanted, expected in sought:
        page = (await http.get("/api/instances", params=wanted)).json()
        assert [one["instance"] for one in page["instances"]] == expected
    problem(await http.get("/api/instances", params={"cursor": "x"}), 400, "invalid")
    problem(await http.get("/api/instances", params={"limit": 0}), 400, "invalid")


async def test_an_instance_is_cancelled_once(http: httpx.AsyncClient) -> None:
    door = await started(http, "door")
    answer = await http.post(f"/api/instances/{door}/cancel", json={})
    assert (answer.status_code, answer.json()["state"]) == (201, "$cancelled")
    assert (
        problem(await http.post(f"/api/instances/{door}/cancel", json={}), 409, "rejected")["reason"] == "terminal"
    )


# --- tasks and bills


async def test_a_task_is_decided_once_and_paid_for(http: httpx.AsyncClient, served: Service) -> None:
    claim = await started(http, "claim", boss="ann")
    await served.executor.until(claim, lambda there: bool(there.book.tasks))
    (task,) = (await http.get("/api/tasks", params={"assignedTo": "ann"})).json()
    assert (task["id"], task["details"]) == (f"{claim}/approve/1", {"about": "the claim"})
    assert (await http.get("/api/tasks", params={"assignedTo": "bob"})).json() == []
    answer = await http.post(f"/api/tasks/{task['id']}", json={"decision": "approved", "by": "ann"})
    assert (answer.status_code, answer.json()["state"]) == (201, "completed")
    assert problem(await http.post(f"/api/tasks/{task['id']}", json={"decision": "approved"}), 409, "rejected")
    problem(await http.post("/api/tasks/none/approve/1", json={"decision": "approved"}), 404, "unknown-task")
    bill = (await http.get(f"/api/instances/{claim}/cost")).json()
    assert (bill["instance"], bill["total"]) == (claim, "2.00")


# --- what does not fit


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/api/instances", {"machin": "door"}, "$"),
        ("/api/instances", {}, "$"),
        ("/api/instances", {"machine": 1}, "$.machine"),
        ("/api/instances", {"machine": "door", "inputs": []}, "$.inputs"),
        ("/api/instances/x/events", {"event": "A", "dta": {}}, "$"),
    ],
)
async def test_a_body_that_does_not_fit_is_told_where(
    http: httpx.AsyncClient, path: str, body: Any, place: str
) -> None:
    told = problem(await http.post(path, json=body), 400, "invalid")
    assert [one["path"] for one in told["errors"]] == [place]


async def test_what_is_no_json_is_told(http: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    problem(await http.post("/api/instances", content=b"{", headers=headers), 400, "bad-request")


async def test_a_body_that_is_too_large_is_refused(http: httpx.AsyncClient) -> None:
    body = {"machine": "door", "inputs": {"text": "x" * 3_000_000}}
    problem(await http.post("/api/instances", json=body), 413, "request-entity-too-large")


async def test_what_is_not_there_is_told_so(http: httpx.AsyncClient) -> None:
    problem(await http.get("/api/nothing"), 404, "not-found")
    problem(await http.delete("/api/tasks"), 405, "method-not-allowed")


# --- operations


async def test_it_says_that_it_lives_and_what_it_counts(http: httpx.AsyncClient) -> None:
    door = await started(http, "door")
    await sent(http, door, "OPEN")
    assert (await http.get("/health")).json() == {"status": "ok", "owns": True}
    assert (await http.get("/ready")).status_code == 200
    told = (await http.get("/metrics")).text
    assert '# TYPE statewf_steps_total counter\nstatewf_steps_total{machine="door"} 2\n' in told
    assert "# TYPE statewf_commit_seconds histogram\n" in told
    assert 'statewf_commit_seconds_bucket{le="+Inf"} ' in told


async def test_what_is_nested_too_deeply_is_told(http: httpx.AsyncClient) -> None:
    for body in (b"[" * 1_000_000, b'{"machine": "door", "inputs": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001):
        answer = await http.post("/api/instances", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422)
        assert answer.json()["hint"]
    assert problem(await http.post("/api/instances"), 400, "invalid")["detail"] == "$: a body is missing"


async def test_names_may_have_any_letters(served: Service, http: httpx.AsyncClient) -> None:
    for name in ("日本", "ü x", "a?b#c%d"):
        await served.executor.deploy(wf.compile(wf.loads(DOOR.replace("name: door", f"name: {json.dumps(name)}"))))
        answer = await http.post("/api/instances", json={"machine": name, "requestId": "R"})
        assert answer.status_code == 201
        found = await http.get(answer.headers["location"])
        assert found.json()["machine"] == name
        assert (await http.get(f"/api/machines/{quote(name, safe='')}")).json()["name"] == name


async def test_forecast_and_statistics(served: Service, http: httpx.AsyncClient) -> None:
    door = await served.executor.start("door")
    await door.send("LOCK", {"code": 42})
    stats = (await http.get("/api/machines/door/stats")).json()
    assert (stats["machine"], stats["instances"]) == ("door", 1)
    forecast = (await http.get("/api/machines/door/forecast")).json()
    assert forecast["machine"] == "door"
    assert sum(end["probability"] for end in forecast["ends"]) == pytest.approx(1)
    for what in ("stats", "forecast"):
        problem(await http.get(f"/api/machines/nothing/{what}"), 404, "unknown-machine")


async def test_how_long_it_still_takes_is_told_who_asks(served: Service, http: httpx.AsyncClient) -> None:
    done = await served.executor.start("claim", {"boss": "bo"})
    assert "estimatedTimeRemaining" not in (await http.get(f"/api/instances/{done.id}")).json()
    asked = (await http.get(f"/api/instances/{done.id}?estimate=true")).json()
    assert asked["estimatedTimeRemaining"] is None  # nobody has decided any claim yet


async def test_a_body_knows_its_members(http: httpx.AsyncClient) -> None:
    for path in ("/api/openapi.json", "/api/openapi"):
        document = (await http.get(path)).json()
        for name, schema in document["components"]["schemas"].items():
            assert (schema.get("additionalProperties") is False) == name.endswith("Body"), name


async def test_which_methods_there_are_is_told(http: httpx.AsyncClient) -> None:
    answer = await http.delete("/api/machines")
    problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].replace(" ", "").split(",")) >= {"GET", "POST"}
