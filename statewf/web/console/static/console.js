// The console reads without this. With it a page follows what happens: at every step it is fetched anew, and what differs is put in
// its place, so that what one types, opens or looks at stays. Times run, and keys lead on.
"use strict";

const PAUSE = 150; // ms that steps are gathered before a page is fetched anew
const APART = 500; // ms between two times, at least: on a busy store something happens always
const AGAIN = 1000; // ms until a page is fetched anew that is not complete; each time twice as many
const LONGEST = 16000;
const state = { source: null, timer: null, busy: false, more: false, again: AGAIN, last: 0, begun: false, shown: null };

// --- putting what differs in its place

const KEPT = new Set(["INPUT", "TEXTAREA", "SELECT"]); // what one fills in is one's own

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.id || "") === (other.id || "");
}

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open" && name !== "disabled") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function renew(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  if (KEPT.has(old.nodeName)) return;
  attributes(old, fresh);
  const wanted = new Map([...fresh.children].filter((child) => child.id).map((child) => [child.id, child.nodeName]));
  const stays = (node) => node.id && wanted.get(node.id) === node.nodeName;
  const known = new Map([...old.children].filter(stays).map((child) => [child.id, child]));
  let at = old.firstChild;
  const drop = () => {
    const gone = at;
    at = at.nextSibling;
    if (!(gone.dataset && "stay" in gone.dataset)) gone.remove();
  };
  for (const child of [...fresh.childNodes]) {
    const same = known.get(child.id);
    if (same) {
      // What lies before it goes, for what is moved loses the focus.
      while (at && at !== same && !stays(at)) drop();
      if (at === same) at = at.nextSibling;
      else old.insertBefore(same, at);
      renew(same, child);
      continue;
    }
    while (at && at.dataset && "stay" in at.dataset) at = at.nextSibling;
    if (at && !stays(at) && alike(at, child)) {
      const here = at;
      at = at.nextSibling;
      renew(here, child);
    } else {
      old.insertBefore(document.importNode(child, true), at);
    }
  }
  while (at) drop();
}

async function refresh() {
  state.timer = null;
  if (state.busy) {
    state.more = true;
    return;
  }
  state.busy = true;
  state.last = Date.now();
  try {
    const answer = await fetch(document.body.dataset.here || location.href, { headers: { accept: "text/html" }, credentials: "same-origin" });
    if (answer.redirected) return location.reload(); // one has to log in again
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    renew(document.getElementById("main"), page.getElementById("main"));
    ready();
  } catch {
    later(); // the service is away, or cannot just now
  }
  state.busy = false;
  if (state.more) {
    state.more = false;
    soon();
  }
}

function soon(ms = PAUSE) {
  if (state.timer === null) state.timer = setTimeout(refresh, Math.max(ms, state.last + APART - Date.now()));
}

function later() {
  soon(state.again);
  state.again = Math.min(2 * state.again, LONGEST);
}

// --- following

function told(live) {
  const sign = document.getElementById("live");
  sign.hidden = false;
  sign.textContent = live ? "live" : "not connected";
  sign.classList.toggle("off", !live);
}

function follow() {
  const path = document.body.dataset.stream;
  if (!path || state.source || document.hidden) return;
  state.source = new EventSource(path);
  state.source.addEventListener("ready", () => {
    told(true);
    if (state.begun) soon(0); // it was away: who knows what happened meanwhile
    state.begun = true;
  });
  state.source.addEventListener("step", () => soon());
  state.source.addEventListener("reset", () => soon(0));
  state.source.addEventListener("error", () => {
    told(false);
    if (state.source.readyState !== EventSource.CLOSED) return; // the browser tries again
    leave();
    setTimeout(follow, AGAIN);
  });
}

function leave() {
  if (state.source) state.source.close();
  state.source = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return leave(); // a browser has few connections, and this one is of no use now
  follow();
  if (document.body.dataset.stream) soon(0);
});
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// --- pictures

function show() {
  const sheet = document.querySelector(".sheet");
  const here = sheet?.querySelector(".node.active");
  if (!here || here.id === state.shown) return; // one may look at something else
  state.shown = here.id;
  const [frame, box] = [sheet.getBoundingClientRect(), here.getBoundingClientRect()];
  if (box.top < frame.top || box.bottom > frame.bottom) sheet.scrollTop += box.top - frame.top - frame.height / 2;
  if (box.left < frame.left || box.right > frame.right) sheet.scrollLeft += box.left - frame.left - frame.width / 2;
}

// --- times

const two = (number) => String(number).padStart(2, "0");

function clock(ms) {
  const at = new Date(ms);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === new Date().toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

function away(ms) {
  const left = ms - Date.now();
  let rest = Math.round(Math.abs(left) / 1000);
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count || (unit === "s" && !parts.length)) parts.push(`${count}${unit}`);
  }
  const text = parts.slice(0, 2).join(" ");
  return left > 0 ? `in ${text}` : `${text} ago`;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const element of document.querySelectorAll("time[data-due]")) put(element, away(Number(element.dataset.due)));
}

function ready() {
  for (const element of document.querySelectorAll("time[data-at]")) put(element, clock(Number(element.dataset.at)));
  tick();
  show();
  if (document.querySelector("[data-again]")) later();
  else state.again = AGAIN;
}

// --- keys, and forms that are sent once

addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, .sheet");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target.blur) event.target.blur();
  if (typing) return;
  const link = { ArrowLeft: "a[rel=prev]", ArrowRight: "a[rel=next]" }[event.key];
  const found = link && document.querySelector(`.steps ${link}, .pages ${link}`);
  if (found) found.click();
  else if (event.key === "/") document.querySelector(".find input")?.focus();
  else return;
  event.preventDefault();
});

addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  const form = event.target;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
});

// After a mistake in a form the address is that of the form, where there is nothing to come back to.
if (document.body.dataset.here && document.querySelector("[role=alert]")) history.replaceState(null, "", document.body.dataset.here);
ready();
setInterval(tick, 1000);
follow();
