"""What people do with the console, in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.web.console.conftest import Eyes, console

pytestmark = pytest.mark.anyio


def box(page: Page, state: str) -> str:
    """The box of a state in the picture."""
    return f'.sheet g.node:has(text:text-is("{state}"))'


async def test_an_instance_is_started_by_a_form_and_moved_by_buttons(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        page = await there.open()
        await page.get_by_role("link", name="door", exact=True).click()
        await page.get_by_label("inputs, as JSON").fill('{"who": "ann"}')
        await page.get_by_label("request id").fill("R-1")
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("h1")).to_contain_text("shut")
        await expect(page.locator("#inputs")).to_contain_text("ann")
        assert "active" in (await page.locator(box(page, "shut")).get_attribute("class") or "")
        await page.get_by_role("button", name="OPEN").click()
        await expect(page.locator("h1")).to_contain_text("open")
        assert "active" in (await page.locator(box(page, "open")).get_attribute("class") or "")
        await expect(page.locator(".history tbody tr")).to_have_count(2)
        (card,) = await there.executor.list()
        assert (card.state, card.request_id, card.inputs["who"]) == ("open", "R-1", "ann")


async def test_the_picture_follows_without_reload(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        door = await there.executor.start("door")
        page = await there.open(f"/instances/{door.id}")
        of_all = await there.open("/machines/door")
        await expect(page.locator("#live")).to_have_text("live")
        await page.evaluate("window.same = true")
        await page.get_by_text("data", exact=True).first.click()
        await page.get_by_label("data, as JSON").first.fill('{"half": ')
        await door.send("OPEN")
        await expect(page.locator(box(page, "open"))).to_have_class("node tone-active active taken")
        await expect(page.locator(box(page, "shut"))).to_have_class("node tone-visited taken")
        await expect(page.get_by_role("button", name="SHUT")).to_be_visible()
        await expect(of_all.locator(".badge.count text")).to_have_text("1")
        await expect(of_all.locator(".badge.count title")).to_have_text("1 at open")
        await door.send("SHUT")
        await expect(page.get_by_role("button", name="OPEN")).to_be_visible()
        assert await page.evaluate("window.same")


async def test_what_one_types_stays_when_something_happens(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        door = await there.executor.start("door")
        await door.send("OPEN")
        page = await there.open(f"/instances/{door.id}")
        form = page.locator("#e-SHUT")
        await form.locator("summary").click()
        await form.locator("textarea").fill('{"why": "cold"}')
        await expect(page.locator("#live")).to_have_text("live")
        await door.send("NOTE")
        await expect(page.locator(".history tbody tr")).to_have_count(3)
        await expect(form.locator("textarea")).to_have_value('{"why": "cold"}')
        await form.get_by_role("button").click()
        await expect(page.locator("h1")).to_contain_text("shut")
        assert list(there.executor.store.rows(door.id))[-1]["data"] == {"why": "cold"}


async def test_whoever_types_goes_on_typing(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        claims = [await there.executor.start("claim", {"boss": f"b{n}"}) for n in range(3)]
        for claim in claims:
            await claim.until(lambda claim=claim: bool(claim.tasks()))  # type: ignore[misc]  # mypy takes no default for a type
        page = await there.open("/tasks")
        await expect(page.locator("#live")).to_have_text("live")
        comments = page.locator(".card", has_text=claims[1].id).get_by_label("comments")
        await comments.press_sequentially("half of a ")
        for claim in (claims[0], claims[2]):
            await there.executor.complete(claim.tasks()[0].id, "approved")
        await expect(page.locator(".card")).to_have_count(1)
        await page.keyboard.type("sentence/")
        await expect(comments).to_have_value("half of a sentence/")
        await expect(comments).to_be_focused()


async def test_a_page_follows_after_a_mistake_too(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        door = await there.executor.start("door")
        page = await there.open(f"/instances/{door.id}")
        form = page.locator("#e-LOCK")
        await form.locator("textarea").fill("{half")
        await form.get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_contain_text("no JSON")
        eyes.wrong.clear()  # the browser complains of that answer
        await expect(page.locator("#live")).to_have_text("live")
        await door.send("OPEN")
        await expect(page.locator("h1")).to_contain_text("open")
        await expect(page.get_by_role("alert")).to_contain_text("no JSON")
        await page.reload()
        await expect(page.get_by_role("alert")).to_have_count(0)
        await expect(page.locator("h1")).to_contain_text("open")


async def test_a_task_is_decided(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        claim = await there.executor.start("claim", {"boss": "bo"})
        await claim.until(lambda: bool(claim.tasks()))
        page = await there.open("/tasks")
        card = page.locator(".card", has_text=claim.id)
        await expect(card).to_contain_text("the claim")
        await card.get_by_label("by", exact=True).fill("bo")
        await card.get_by_label("comments").fill("fine with me")
        await card.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("status").filter(has_text="is decided")).to_be_visible()
        outcome = await claim.wait()
        assert outcome.success
        await page.goto(f"/instances/{claim.id}")
        await expect(page.locator("h1")).to_contain_text("completed")
        await expect(page.locator("#results")).to_contain_text("fine with me")
        await expect(page.locator("#bill")).to_contain_text("2.00")


async def test_one_goes_back_and_forth_in_a_history(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        door = await there.executor.start("door")
        for event in ("OPEN", "NOTE", "SHUT"):
            await door.send(event)
        page = await there.open(f"/instances/{door.id}")
        await expect(page.locator(".steps b")).to_have_text("step 4 of 4")
        await page.keyboard.press("ArrowLeft")
        await page.wait_for_url("**?at=3")
        await expect(page.locator("h1")).to_contain_text("open")
        await expect(page.locator("#context")).to_contain_text("1")
        await page.get_by_role("link", name="◀ back").click()
        await page.wait_for_url("**?at=2")
        await expect(page.locator(".history .here")).to_contain_text("OPEN")
        await expect(page.get_by_role("button", name="SHUT")).to_have_count(0)  # the past takes no events
        await page.keyboard.press("ArrowRight")
        await page.wait_for_url("**?at=3")
        await page.go_back()
        await page.wait_for_url("**?at=2")
        await page.get_by_role("link", name="now").click()
        await expect(page.locator(".steps b")).to_have_text("step 4 of 4")


async def test_the_past_stays_what_it_was(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        door = await there.executor.start("door")
        await door.send("OPEN")
        page = await there.open(f"/instances/{door.id}?at=1")
        await expect(page.locator("#live")).to_have_text("live")
        await door.send("SHUT")
        await expect(page.locator(".steps b")).to_have_text("step 1 of 3")
        await expect(page.locator("h1")).to_contain_text("shut")
        await expect(page.locator(box(page, "open"))).to_have_class("node tone-normal")


async def test_a_page_that_could_not_be_fetched_is_fetched_later(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        door = await there.executor.start("door")
        page = await there.open(f"/instances/{door.id}")
        await expect(page.locator("#live")).to_have_text("live")
        failed = []

        async def fail_once(route: Route) -> None:
            failed.append(route)
            await (route.fulfill(status=503) if len(failed) == 1 else route.continue_())

        await page.route(f"**/instances/{door.id}", fail_once)
        await door.send("OPEN")
        await expect(page.locator("h1")).to_contain_text("open")
        assert len(failed) >= 2
        eyes.wrong.clear()  # the browser complained of the first


async def test_instances_are_found(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        for number in range(3):
            await there.executor.start("door", {"who": f"ann-{number}"}, request_id=f"R-{number}")
        page = await there.open()
        await page.keyboard.press("/")
        await page.keyboard.type("ann-1")
        await page.keyboard.press("Enter")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await expect(page.locator("tbody")).to_contain_text("R-1")
        await page.get_by_label("machine").select_option("claim")
        await page.get_by_role("button", name="Find").click()
        await expect(page.get_by_text("no instances")).to_be_visible()


async def test_a_game_is_played_by_links(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        page = await there.open("/machines/door/simulate")
        await page.get_by_role("link", name="OPEN").click()
        await expect(page.locator("h1")).to_contain_text("open")
        await page.get_by_role("link", name="SHUT").click()
        await page.get_by_text("a move with data").click()
        await page.get_by_label("which").fill("LOCK")
        await page.get_by_label("data (or an error, or a decision), as JSON").fill('{"code": 42}')
        await page.get_by_role("button", name="Make it").click()
        await expect(page.locator("h1")).to_contain_text("locked")
        await expect(page.get_by_text("It has ended.")).to_be_visible()
        await page.keyboard.press("ArrowLeft")
        await expect(page.locator("h1")).to_contain_text("shut")
        assert await there.executor.list() == []


async def test_it_reads_without_a_script(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        page = await there.open("/machines/door", script=False)
        await page.get_by_role("button", name="Start").click()
        await page.get_by_role("button", name="OPEN").click()
        await expect(page.locator("h1")).to_contain_text("open")
        assert "active" in (await page.locator(box(page, "open")).get_attribute("class") or "")
        await page.get_by_role("link", name="◀ back").click()
        await expect(page.locator("h1")).to_contain_text("shut")


async def test_a_mistake_is_told_and_what_was_typed_is_there(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        door = await there.executor.start("door")
        page = await there.open(f"/instances/{door.id}")
        form = page.locator("#e-LOCK")
        await form.locator("textarea").fill("{half")
        await form.get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_contain_text("no JSON")
        await expect(form.locator("textarea")).to_have_value("{half")
        await form.locator("textarea").fill('{"code": 1}')
        await form.get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_contain_text("rejected")
        eyes.wrong.clear()  # the browser complains of both answers
        assert len(list(there.executor.store.rows(door.id))) == 1


async def test_whoever_has_the_token_comes_in(eyes: Eyes, tmp_path: Path) -> None:
    token = "a token of thirty-two characters"  # of a test
    async with console(eyes, tmp_path / "s.db", token=token) as there:
        door = await there.executor.start("door")
        page = await there.open(f"/instances/{door.id}?at=1")
        await page.wait_for_url(re.compile(r"/login\?next="))
        await page.get_by_label("token").fill("another token")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("alert")).to_contain_text("not the token")
        eyes.wrong.clear()  # the browser complains of that answer
        await page.get_by_label("token").fill(token)
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url(f"**/instances/{door.id}?at=1")
        await expect(page.locator("#live")).to_have_text("live")
        cookies = await page.context.cookies()
        assert [(one["httpOnly"], one["sameSite"]) for one in cookies] == [(True, "Strict")]
        assert token not in str(cookies)
        await page.get_by_role("button", name="Log out").click()
        await page.wait_for_url("**/login")
        await page.goto("/")
        await page.wait_for_url(re.compile(r"/login\?next="))


async def test_it_goes_on_after_a_restart(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db", stay=True) as there:
        door = await there.executor.start("door")
        page = await there.open(f"/instances/{door.id}")
        await expect(page.locator("#live")).to_have_text("live")
    await expect(page.locator("#live")).to_have_text("not connected")
    port = int(there.address.rpartition(":")[2])
    async with console(eyes, tmp_path / "s.db", port=port) as there:
        await there.executor.send(door.id, "OPEN")
        await expect(page.locator("#live")).to_have_text("live")
        await expect(page.locator("h1")).to_contain_text("open")
        await page.get_by_role("button", name="SHUT").click()
        await expect(page.locator("h1")).to_contain_text("shut")
        eyes.wrong.clear()  # the browser complained that nobody was there


EVIL = "<img src=x onerror=alert(1)>"
EVIL_MACHINE = json.dumps(
    {
        "name": EVIL,
        "initialState": EVIL,
        "states": {
            EVIL: {"on": {EVIL: {"target": "b", "guard": f"event.data.x !== {json.dumps(EVIL)}"}}},
            "b": {"terminal": True},
        },
    }
)


async def test_names_and_data_stay_text(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db", EVIL_MACHINE) as there:
        page = await there.open()
        await page.get_by_role("link", name=EVIL).first.click()
        await page.get_by_label("inputs, as JSON").fill(json.dumps({EVIL: [EVIL]}))
        await page.get_by_label("request id").fill(EVIL)
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("h1")).to_contain_text(EVIL)
        await expect(page.locator("#inputs")).to_contain_text(EVIL)
        await page.get_by_label("data, as JSON").fill(json.dumps({"y": EVIL}))  # it is open: the guard reads data
        await page.get_by_role("button", name=EVIL).click()
        await expect(page.locator(".history .here")).to_contain_text(EVIL)
        (card,) = await there.executor.list()
        for path in (f"/instances?text={EVIL}", "/instances", "/", "/tasks", f"/instances/{card.id}?at=1"):
            await page.goto(path)
            assert await page.locator("img[onerror]").count() == 0


async def test_nothing_is_wider_than_a_telephone(eyes: Eyes, tmp_path: Path) -> None:
    async with console(eyes, tmp_path / "s.db") as there:
        claim = await there.executor.start(
            "claim", {"boss": "b" * 60, "long": ["word " * 40] * 5}, request_id="r" * 90
        )
        await claim.until(lambda: bool(claim.tasks()))
        page = await there.open(dark=True)
        await page.set_viewport_size({"width": 390, "height": 844})
        for path in (
            "/",
            "/machines/claim",
            f"/instances/{claim.id}",
            "/instances",
            "/tasks",
            "/machines/claim/simulate",
        ):
            await page.goto(path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
