"""What content production calls: notes made into an article, a drawn picture, checks of grammar, words and origin."""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from statewf import NonRetryable
from statewf.runtime import Work

SHINGLE = 5  # words in a row; who shares too many of these with somebody has copied
COPIED = 0.3
POST = 140  # characters
STOP = frozenset(
    [
        "the",
        "a",
        "an",
        "and",
        "or",
        "of",
        "to",
        "in",
        "is",
        "are",
        "it",
        "that",
        "for",
        "on",
        "with",
        "as",
        "by",
        "be",
    ]
)


def research(call: Work) -> dict[str, Any]:
    """The facts of the notes, one a line, without those said twice."""
    facts = [line.strip(" -") for line in str(call.inputs.get("notes", "")).splitlines() if line.strip(" -")]
    if not facts:
        raise NonRetryable("there is nothing known about the topic")
    return {"facts": list(dict.fromkeys(facts))}


def desk_headline(call: Work) -> dict[str, Any]:
    """What the desk has given. Raises when it has not."""
    if "headline" not in call.inputs:
        raise NonRetryable("the desk has no headline")
    return {"headline": call.inputs["headline"]}


def template_headline(call: Work) -> dict[str, Any]:
    """A headline that always works."""
    return {"headline": f"{len(call.results['research']['facts'])} things to know about {call.inputs['topic']}"}


def write_article(call: Work) -> dict[str, Any]:
    """Headline, and a paragraph of every three facts."""
    facts = [_sentence(fact) for fact in call.results["research"]["facts"]]
    paragraphs = [" ".join(facts[i : i + 3]) for i in range(0, len(facts), 3)]
    headline = str(call.context.get("headline", call.inputs["topic"]))
    return {"article": "\n\n".join([headline, *paragraphs])}


def archive_image(call: Work) -> dict[str, Any]:
    """A picture of the topic that is there already. Raises when there is none."""
    found = _folder(call) / "archive" / f"{call.inputs['topic']}.png"
    if not found.exists():
        raise NonRetryable(f"the archive has no picture of {call.inputs['topic']}")
    return {"image": str(found)}


def drawn_image(call: Work) -> dict[str, Any]:
    """A gradient in a colour of the topic: a real PNG."""
    red, green, blue = zlib.crc32(str(call.inputs["topic"]).encode()).to_bytes(4, "big")[:3]
    file = _folder(call) / f"{call.instance}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [bytes(b"\0" + bytes((red * y // 64, green * y // 64, blue * y // 64)) * 96) for y in range(64)]
    file.write_bytes(_png(96, 64, b"".join(rows)))
    return {"image": str(file)}


def create_social(call: Work) -> dict[str, Any]:
    """Posts that fit."""
    posts = [_sentence(fact) for fact in call.results["research"]["facts"]]
    return {"posts": [post if len(post) <= POST else f"{post[: POST - 1]}…" for post in posts[:3]]}


def record_video(call: Work) -> dict[str, Any]:
    """A script: what is seen, what is said, for how long (at 150 words a minute)."""
    facts = call.results["research"]["facts"]
    return {
        "script": [
            {"shot": i, "say": fact, "seconds": len(fact.split()) * 60 // 150 + 1}
            for i, fact in enumerate(facts, 1)
        ]
    }


def grammar_check(call: Work) -> dict[str, Any]:
    """Double words, sentences that begin small, spaces before commas. Raises when there are any."""
    text = call.results["write-article"]["article"]
    found = [
        *(f"twice: {word}" for word in re.findall(r"\b(\w+) \1\b", text, re.IGNORECASE)),
        *(f"small: {word}" for word in re.findall(r"[.!?] ([a-z]\w*)", text)),
        *(f"space before {mark}" for mark in re.findall(r" ([,.;!?])", text)),
    ]
    if found:
        raise NonRetryable("; ".join(found))
    return {"sentences": len(re.findall(r"[.!?](?:\s|$)", text))}


def seo_check(call: Work) -> dict[str, Any]:
    """How often the topic is named, and the words that stand out. Raises when it is hardly ever."""
    words = re.findall(r"\w+", call.results["write-article"]["article"].lower())
    topic = str(call.inputs["topic"]).lower()
    density = sum(word.startswith(topic.rstrip("s")) for word in words) / len(words)
    if density < 0.01:
        raise NonRetryable(f"{topic} is hardly ever named")
    common = Counter(word for word in words if word not in STOP and len(word) > 3)
    return {"density": round(density, 3), "words": [word for word, _ in common.most_common(3)]}


def plagiarism_check(call: Work) -> dict[str, Any]:
    """Word shingles shared with each known text. Raises when it is too much of one."""
    mine = _shingles(call.results["write-article"]["article"])
    for name, text in dict(call.inputs.get("known", {})).items():
        shared = len(mine & _shingles(str(text))) / max(len(mine), 1)
        if shared > COPIED:
            raise NonRetryable(f"{shared:.0%} of it is from {name}")
    return {"original": True}


def publish(call: Work) -> dict[str, Any]:
    """A page in the folder of the site."""
    headline, *paragraphs = call.results["write-article"]["article"].split("\n\n")
    body = "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    file = _folder(call) / f"{call.instance}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"<h1>{headline}</h1>\n<img src='{call.context['image']}'>\n{body}\n", encoding="utf-8")
    return {"page": str(file)}


def _folder(call: Work) -> Path:
    return Path(str(call.inputs.get("site", "/tmp/statewf-site")))  # noqa: S108  # an example writes somewhere


def _sentence(fact: str) -> str:
    return fact[:1].upper() + fact[1:] + ("" if fact.endswith((".", "!", "?")) else ".")


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}


def _png(width: int, height: int, rows: bytes) -> bytes:
    """The bytes of a PNG of 8-bit RGB; each row begins with its filter, none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


handlers = {
    "research": research,
    "desk-headline": desk_headline,
    "template-headline": template_headline,
    "write-article": write_article,
    "archive-image": archive_image,
    "drawn-image": drawn_image,
    "create-social": create_social,
    "record-video": record_video,
    "grammar-check": grammar_check,
    "seo-check": seo_check,
    "plagiarism-check": plagiarism_check,
    "publish": publish,
}
