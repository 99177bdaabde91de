"""Pages as they are sent: what they say, what forms do, and that names and data stay text."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import statewf as wf
from statewf.history.port import Count
from statewf.runtime import Executor, Instance
from statewf.runtime.metrics import Meter
from statewf.web.service import Service, opened
from tests.diagram.cases import HOSTILE, hostile
from tests.web.support import client, service

pytestmark = pytest.mark.anyio

HTML = {"accept": "text/html"}
FROM_US = {**HTML, "sec-fetch-site": "same-origin"}
EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "</pre></svg></title><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "--><script>alert(1)</script><!--",
    "\u202e\u0000\ud7ff",
)


class Tags(HTMLParser):
    """Reads a page as a browser does: which elements there are, and with which attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: httpx.Response) -> Tags:
    """What is in a page; and that there is nothing in it that could run, or lead elsewhere."""
    assert page.headers["content-type"].startswith("text/html")
    tags = Tags()
    tags.feed(page.text)
    scripts = [attributes for tag, attributes in tags.found if tag == "script"]
    assert [attributes["src"].partition("?")[0] for attributes in scripts if attributes["src"]] == [
        "/assets/console.js"
    ]
    for tag, attributes in tags.found:
        assert tag not in ("style", "iframe", "object", "embed", "base", "foreignobject"), tag
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style", (tag, value)
            if name in ("href", "src", "action", "formaction", "data-stream"):
                assert value is None or value == "" or value[0] in "/#?", (tag, name, value)
                assert not (value or "").startswith("//")
    return tags


@pytest.fixture
async def kept() -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """A service that has no handlers, and so takes any machine."""
    async with service(keeps=True) as opened, client(opened) as found:
        yield opened, found


async def test_names_and_data_stay_text_on_every_page(kept: tuple[Service, httpx.AsyncClient]) -> None:
    served, http = kept
    listed = [*HOSTILE, *(text.replace("/", "∕") for text in EVIL if text.isprintable())]  # as names may be
    for at in range(0, len(listed), 4):
        four = [*listed[at : at + 4], *listed[:3]][:4]
        machine = await served.executor.deploy(hostile(four))
        evil = {text: {text: [text]} for text in EVIL if "\u0000" not in text}
        order = await served.executor.start(machine.name, evil)
        event = order.allowed[0] if order.allowed else "none"
        name, here = quoted(machine.name), quoted(order.id)
        pages = [
            "/",
            f"/machines/{name}",
            f"/machines/{name}?fold=$all",
            f"/machines/{name}/simulate?m=send%2F{quoted(event)}&inputs={quoted(json.dumps(evil))}",
            f"/instances/{here}",
            f"/instances/{here}?at=1",
            f"/instances?text={quoted(four[0])}&machine={name}",
            "/tasks",
        ]
        for path in pages:
            page = await http.get(path, headers=HTML)
            assert page.status_code == 200, (path, page.text)
            read(page)
        wrong = await http.post(
            f"/instances/{here}/send", data={"event": EVIL[0], "data": EVIL[3]}, headers=FROM_US
        )
        assert wrong.status_code == 422
        assert EVIL[3] in "".join(read(wrong).text)


def quoted(text: str) -> str:
    """As in a path."""
    return quote(text, safe="")


async def test_what_is_decided_for_whom_stays_text(served: Service, http: httpx.AsyncClient) -> None:
    for evil in EVIL[:4]:
        claim = await asked(served, evil)
        for path in ("/tasks", f"/tasks?for={quoted(evil)}", f"/instances/{claim.id}"):
            page = await http.get(path, headers=HTML)
            assert f"for {evil}" in "".join(read(page).text)


async def asked(served: Service, boss: str) -> Instance:
    """A claim that waits for its boss."""
    claim = await served.executor.start("claim", {"boss": boss})
    await claim.until(lambda: bool(claim.tasks()))
    return claim


# --- forms


async def test_a_form_pressed_twice_does_nothing_twice(served: Service, http: httpx.AsyncClient) -> None:
    form = {"inputs": '{"who": "ann"}', "request": "", "form": "console-1"}
    first, second = [await http.post("/machines/door/start", data=form, headers=FROM_US) for _ in range(2)]
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    here = first.headers["location"]
    sent = {"event": "OPEN", "data": "", "form": "k-1"}
    first, second = [await http.post(f"{here}/send", data=sent, headers=FROM_US) for _ in range(2)]
    assert (first.headers["location"], second.headers["location"]) == (here, f"{here}?told=duplicate")
    assert "done once" in (await http.get(f"{here}?told=duplicate", headers=HTML)).text
    (card,) = await served.executor.list(machine="door")
    assert card.seq == 2


async def test_a_task_decided_twice_is_decided_once(served: Service, http: httpx.AsyncClient) -> None:
    claim = await asked(served, "bo")
    (task,) = claim.tasks()
    form = {"decision": "approved", "by": "bo", "comments": "", "result": '{"sum": 3}', "word": ""}
    first = await http.post(f"/tasks/{task.id}", data=form, headers=FROM_US)
    assert first.status_code == 303
    await claim.wait()
    second = await http.post(f"/tasks/{task.id}", data=form, headers=FROM_US)
    assert second.status_code == 409
    assert "rejected" in second.text
    assert claim.results["approve"]["result"] == {"sum": 3}


async def test_the_button_that_is_pressed_decides(served: Service, http: httpx.AsyncClient) -> None:
    for form, decision in (
        ({"decision": "approved", "word": "maybe"}, "approved"),
        ({"decision": "", "word": "maybe"}, "maybe"),
    ):
        claim = await asked(served, "bo")
        await http.post(f"/tasks/{claim.tasks()[0].id}", data=form, headers=FROM_US)
        assert list(served.executor.store.rows(claim.id))[-1]["data"]["decision"] == decision


async def test_an_instance_is_cancelled(served: Service, http: httpx.AsyncClient) -> None:
    door = await served.executor.start("door")
    assert (await http.post(f"/instances/{door.id}/cancel", headers=FROM_US)).status_code == 303
    assert door.state == "$cancelled"
    page = await http.get(f"/instances/{door.id}", headers=HTML)
    assert "$cancelled" in page.text
    assert 'name="event"' not in page.text
    again = await http.post(f"/instances/{door.id}/cancel", headers=FROM_US)
    assert again.status_code == 409


async def test_a_deferred_event_is_told(served: Service, http: httpx.AsyncClient) -> None:
    door = await served.executor.start("door")
    await door.send("OPEN")
    answer = await http.post(f"/instances/{door.id}/send", data={"event": "LOCK"}, headers=FROM_US)
    page = await http.get(answer.headers["location"], headers=HTML)
    assert "offered again" in page.text
    assert "LOCK" in page.text


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/instances/nobody", 404, "there is no instance nobody"),
        ("/machines/nothing", 404, "no machine named nothing"),
        ("/machines/nothing/simulate", 404, "no machine named nothing"),
        ("/nowhere", 404, "not-found"),
        ("/machines/door/simulate?m=jump", 200, "is no move"),
        ("/machines/door/simulate?inputs={half", 200, "is no JSON"),
        ("/machines/door/simulate?kind=wait&name=soon", 200, "is not a duration"),
    ],
)
async def test_what_is_not_there_is_told_on_a_page(
    http: httpx.AsyncClient, path: str, status: int, told: str
) -> None:
    page = await http.get(path, headers=HTML)
    assert page.status_code in (status, 422)
    assert told in "".join(read(page).text)


async def test_programs_are_told_in_documents(http: httpx.AsyncClient) -> None:
    answer = await http.get("/instances/nobody")
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_pages_of_a_search(served: Service, http: httpx.AsyncClient) -> None:
    for number in range(53):
        await served.executor.start("door", {}, request_id=f"R-{number:02}")
    first = await http.get("/instances?machine=door", headers=HTML)
    assert "R-52" in first.text
    assert "R-02" not in first.text
    links = [a["href"] for tag, a in read(first).found if tag == "a" and a.get("rel") == "next"]
    second = await http.get(str(links[0]), headers=HTML)
    assert "R-02" in second.text
    assert not [a for tag, a in read(second).found if tag == "a" and a.get("rel") == "next"]
    none = await http.get("/instances?since=2999-01-01", headers=HTML)
    assert "no instances" in none.text
    some = await http.get("/instances?until=2999-01-01&since=2000-01-01&cursor=x", headers=HTML)
    assert "R-52" in some.text


async def test_a_picture_has_boxes_that_open_and_shut(kept: tuple[Service, httpx.AsyncClient]) -> None:
    served, http = kept
    steps = [
        {"id": f"b{n}", "type": "parallel", "steps": [{"id": f"b{n}-{k}"} for k in range(20)]} for n in range(25)
    ]
    await served.executor.deploy(wf.compile(wf.loads(json.dumps({"name": "large", "steps": steps}))))
    shut = await drawn(http, "/machines/large")
    assert texts(shut).count("20 steps") == 25
    assert "b3-7" not in texts(shut)
    open_b3 = next(a["href"] for tag, a in read(shut).found if tag == "a" and opens(a["href"], 3))
    one = await drawn(http, str(open_b3))
    assert texts(one).count("20 steps") == 24
    assert "b3-7" in texts(one)
    every = await drawn(http, "/machines/large?fold=$none")
    assert "b24-19" in texts(every)


async def drawn(http: httpx.AsyncClient, path: str) -> httpx.Response:
    """A page with its picture, which may take a moment."""
    while "is being drawn" in (page := await http.get(path, headers=HTML)).text:
        pass
    return page


def texts(page: httpx.Response) -> list[str]:
    """What stands in the picture."""
    svg = page.text[page.text.index('<div class="sheet"') :]
    tags = Tags()
    tags.feed(svg[: svg.index("</div>")])
    return [text.strip() for text in tags.text]


def opens(link: Any, number: int) -> bool:
    """Whether a link shuts all boxes but that one."""
    return httpx.URL(str(link)).params.get_list("fold") == ["$all", f"b{number}"]


async def test_what_no_form_of_ours_sends_is_told(served: Service, http: httpx.AsyncClient) -> None:
    door = await served.executor.start("door")
    files = {"event": (None, b"\xff\xfe")}
    assert (await http.post(f"/instances/{door.id}/send", files=files, headers=FROM_US)).status_code == 415
    headers = {**FROM_US, "content-type": "application/x-www-form-urlencoded"}
    for body in (b"event=%ff%fe&data=%00", b"&&=&%", b"\xff\xfe", b"event=" + b"a" * 100_000):
        answer = await http.post(f"/instances/{door.id}/send", content=body, headers=headers)
        assert 400 <= answer.status_code < 500, body[:20]
        read(answer)
    for typed, told in (('{"a": "\\ud800"}', "lone surrogate"), ('{"a": NaN}', "nan"), ("[" * 2_000, "no JSON")):
        page = await http.post(f"/instances/{door.id}/send", data={"event": "OPEN", "data": typed}, headers=FROM_US)
        assert page.status_code == 422
        assert told in page.text
        page = await http.get(f"/machines/door/simulate?kind=send&name=OPEN&more={quoted(typed)}", headers=HTML)
        assert page.status_code == 422
        assert told in page.text
    assert door.state == "shut"


async def test_a_machine_that_is_none_any_more_hides_no_others(tmp_path: Path) -> None:
    async with service(tmp_path / "s.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "s.db")) as store, store:
        store.execute(
            "UPDATE machine SET definition = replace(definition, 'initialState', 'initialSate') WHERE name = 'door'"
        )
    async with open_alone(tmp_path / "s.db") as http:
        page = await http.get("/", headers=HTML)
        assert page.status_code == 200
        assert "claim" in page.text
        assert "initialSate" in page.text
        assert (await http.get("/machines/door", headers=HTML)).status_code == 422


@asynccontextmanager
async def open_alone(path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service of what is in a store, with nothing deployed."""
    meter = Meter()
    async with Executor(path, metrics=meter) as executor, opened(executor, meter) as found, client(found) as http:
        yield http


async def test_counts_are_right_in_the_end(served: Service) -> None:
    counts = served.counts
    assert await counts.census() == []
    assert await counts.settled("claim")
    claim = await asked(served, "bo")
    assert not await counts.settled()
    found: list[Count] = []
    while not await counts.settled("claim"):
        found, busy = await counts.census(), await counts.busy("claim")  # of a moment ago, perhaps
    (count,) = found
    assert (count.name, count.state, count.number) == ("claim", "running", 1)
    assert busy == {"approve": 1}
    assert claim.state == "running"


# --- who comes in


async def test_a_form_from_elsewhere_is_refused(served: Service, http: httpx.AsyncClient) -> None:
    door = await served.executor.start("door")
    for headers in (
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "null"},
        {},  # a page says from where it comes, and what is no page sends no forms
    ):
        answer = await http.post(f"/instances/{door.id}/send", data={"event": "OPEN"}, headers=headers)
        assert answer.status_code == 403, headers
    assert door.state == "shut"


async def test_the_way_in_leads_to_no_other_site(served: Service) -> None:
    token = "a token of thirty-two characters"  # of a test
    async with client(served, token=token) as http:
        for target in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
            answer = await http.post("/login", data={"token": token, "next": target}, headers=FROM_US)
            assert answer.headers["location"] == "/"
        wrong = await http.post("/login", data={"token": token[1:], "next": "/"}, headers=FROM_US)
        assert wrong.status_code == 403
        assert "set-cookie" not in wrong.headers
        for cookie in ("statewf=", f"statewf={token}", "statewf=é", 'statewf="', "; ; ="):
            page = await http.get("/", headers=[(b"accept", b"text/html"), (b"cookie", cookie.encode())])
            assert page.status_code == 303, cookie


async def test_the_way_back_is_the_way_one_came(served: Service) -> None:
    async with client(served, token="a token of thirty-two characters") as http:
        page = await http.get("/machines/a%3Fb%23c?fold=%24all&fold=x%20y", headers=HTML)
        login = await http.get(page.headers["location"], headers=HTML)
        links = [a["href"] for tag, a in read(login).found if tag == "a"]
        assert "/machines/a%3Fb%23c?fold=%24all&fold=x%20y" in links
        headers = {**HTML, "origin": "https://test"}
        for origin, secure in (("https://test", True), ("http://test", False)):
            given = {"token": "a token of thirty-two characters"}
            entered = await http.post("/login", data=given, headers={**headers, "origin": origin})
            assert ("secure" in entered.headers["set-cookie"].lower()) == secure


async def test_files_are_asked_for_by_name_alone(http: httpx.AsyncClient) -> None:
    for name in ("console.css", "console.js", "icon.svg", "tones.css"):
        found = await http.get(f"/assets/{name}")
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]
    for name in ("..%2Frender.py", "../render.py", "render.py", "%2Fetc%2Fpasswd", "templates%2Fbase.html"):
        assert (await http.get(f"/assets/{name}")).status_code == 404


async def test_every_page_is_told_what_it_may_do(http: httpx.AsyncClient) -> None:
    for path in ("/", "/instances", "/tasks", "/machines/door", "/nowhere", "/assets/console.js"):
        policy = (await http.get(path, headers=HTML)).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


async def test_when_it_is_likely_to_end_is_learnt_from_others(kept: tuple[Service, httpx.AsyncClient]) -> None:
    served, http = kept
    for _ in range(3):
        claim = await served.executor.start("claim", {"boss": "bo"})
    page = await http.get(f"/instances/{claim.id}", headers=HTML)
    assert "likely to end" not in page.text  # nobody has answered anything yet
    async with service(forget=lambda _: None) as answering, client(answering) as again:
        for boss in ("bo", "bea", "ben"):
            done = await asked(answering, boss)
            await answering.executor.complete(done.tasks()[0].id, "approved")
            await done.wait()
        waiting = await asked(answering, "bo")
        page = await again.get(f"/instances/{waiting.id}", headers=HTML)
        assert "likely to end" in page.text
        assert 'value="0.5"' in page.text  # of its progress
