"""Who is let in, and what a browser may do with what it is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.history import Memory
from statewf.web.guard import HEADERS, _is_foreign
from statewf.web.service import Service
from tests.web.support import HOST, client, service
from tests.web.test_api import problem

pytestmark = pytest.mark.anyio

TOKEN = "a-token-that-nobody-guesses"  # of the tests


@pytest.fixture
def params() -> None:
    """These tests need one kind of store."""


@pytest.fixture
async def served() -> object:
    async with service(Memory()) as opened:
        yield opened


async def test_it_is_known_under_its_names_alone(served: Service) -> None:
    async with client(served) as http:
        assert (await http.get("/health")).status_code == 200
        for host in ("evil.example", "test:1", "test.evil.example", ""):
            told = problem(await http.get("/health", headers={"host": host}), 421, "unknown-host")
            assert "--allow-host" in told["hint"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HOST}:81"},
        {"origin": f"http://{HOST}.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
    ],
)
async def test_a_page_of_somebody_else_changes_nothing(served: Service, headers: dict[str, str]) -> None:
    async with client(served) as http:
        body = {"machine": "door"}
        problem(await http.post("/api/instances", json=body, headers=headers), 403, "foreign-origin")
        assert (await http.get("/api/instances")).json()["instances"] == []
        read = await http.get("/api/instances", headers=headers)  # whose answer it could not read
        assert read.status_code == (403 if headers.get("sec-fetch-site") in ("cross-site", "same-site") else 200)
        led = await http.get("/api/instances", headers={**headers, "sec-fetch-mode": "navigate"})
        assert led.status_code == 200  # by a link


@pytest.mark.parametrize(
    "headers", [{}, {"origin": f"http://{HOST}"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}]
)
async def test_programs_and_pages_of_ours_do(served: Service, headers: dict[str, str]) -> None:
    async with client(served) as http:
        assert (await http.post("/api/instances", json={"machine": "door"}, headers=headers)).status_code == 201


@given(st.text(st.characters(codec="ascii"), max_size=20), st.text("abc.:1", min_size=1, max_size=6))
def test_an_origin_is_ours_only_if_it_names_our_host(origin: str, host: str) -> None:
    ours = origin.lower().partition("://")[2] == host
    assert _is_foreign({"origin": origin}, host) == (not ours)


@pytest.mark.parametrize(
    "given_token", ["", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN]
)
async def test_with_a_token_nobody_else_is_let_in(served: Service, given_token: str) -> None:
    headers = {"authorization": given_token} if given_token else {}
    async with client(served, TOKEN) as http:
        for path in ("/api/instances", "/metrics", "/api/openapi.json", "/", "/nothing"):
            answer = await http.get(path, headers=headers)
            problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert (await http.get("/health")).status_code == (await http.get("/ready")).status_code == 200


async def test_who_brings_the_token_is_let_in(served: Service) -> None:
    for word in ("Bearer", "bearer"):
        async with client(served, TOKEN, {"authorization": f"{word} {TOKEN}"}) as http:
            assert (await http.get("/api/instances")).status_code == 200
            assert "token" in (await http.get("/api/openapi.json")).json()["components"]["securitySchemes"]


async def test_every_answer_says_what_a_browser_may_do_with_it(served: Service) -> None:
    async with client(served) as http:
        for answer in (
            await http.get("/health"),
            await http.get("/nothing"),
            await http.get("/health", headers={"host": "x"}),
        ):
            assert HEADERS.items() <= answer.headers.items()
    assert "unsafe" not in HEADERS["content-security-policy"]


async def test_a_query_without_end_is_refused(served: Service) -> None:
    async with client(served) as http:
        problem(await http.get("/api/instances", params={"text": "x" * 9_000}), 414, "long-query")
        problem(await http.get("/api/instances", params={"text": "x" * 300}), 400, "invalid")


async def test_cookies_of_others_are_of_no_matter(served: Service) -> None:
    async with client(served, TOKEN) as http:
        form = {"token": TOKEN, "next": "/"}
        entered = await http.post("/login", data=form, headers={"sec-fetch-site": "same-origin"})
        session = entered.headers["set-cookie"].partition(";")[0]
        http.cookies.clear()
        for others in ('foo={"a": 1}', "a b=c", "a@b=1", 'q="unterminated', "statewf=old", "x=\xe9"):
            for cookie in (f"{others}; {session}", f"{session}; {others}"):
                answer = await http.get("/api/machines", headers=[(b"cookie", cookie.encode())])
                assert answer.status_code == 200, cookie
        assert (await http.get("/api/machines", headers={"cookie": f"{session}x"})).status_code == 401


async def test_a_head_is_told_as_much_as_a_get(served: Service) -> None:
    async with client(served) as http:
        for path in ("/", "/health", "/api/machines", "/assets/console.js"):
            head, body = await http.head(path), await http.get(path)
            assert (head.status_code, head.headers) == (body.status_code, body.headers)
        assert (await http.head("/api/stream")).status_code == 405  # it has no end
