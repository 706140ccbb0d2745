"""Judge the bytes of one file: what it is, what rules and structure find, what the model makes of it.

A file is `high` or `critical` where one strong sign stands in it, or where the model is sure; `medium` asks for a
person's look. Each reason names what was seen. Bytes are read; they are never run, included, or unpacked to disk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import yara_x

from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean
from ungcuu.detect import heuristics
from ungcuu.detect.content import model, rules, structure, tokens
from ungcuu.detect.content.functions import names
from ungcuu.detect.content.reasons import MODEL, SENTENCES
from ungcuu.detect.content.values import Found
from ungcuu.remote import pieces

ORDER = ("none", "low", "medium", "high", "critical")
DETECTED = ORDER[3:]
_PHP_TAG = re.compile(
    rb"<\?(?:php\b|=|(?!xml\b)(?=[\s$@/(a-z_]))|<script\s{1,9}language\s{0,3}=\s{0,3}[\"']?php", re.IGNORECASE
)
_SERVER_NAME = re.compile(r"(?:^|/)(?:\.ht[a-z]+|\.user\.ini|php\.ini)[^/]*\Z", re.IGNORECASE)
# Texts about code: a server doesn't run them, and backticks mean something else there.
_ABOUT_CODE = re.compile(r"\.(?:md|markdown|rst|adoc)\Z", re.IGNORECASE)
_CODE_NAME = re.compile(r"\.(?:php\d?|phtml|pht|phps|inc|module|install)\Z", re.IGNORECASE)
_BINARY = re.compile(
    rb"GIF8|\x89PNG|\xff\xd8\xff|BM.{4}\x00\x00|RIFF|\x00\x00\x01\x00|%PDF|PK\x03\x04|\x1f\x8b|OTTO|wOF[F2]|\x00\x01\x00\x00|"
    rb"ID3|7z\xbc\xaf|Rar!",
    re.DOTALL,
)

# What of the structure is enough by itself. None of these stood in clean code of the training projects.
CRITICAL = names(
    "evaluates-input runs-input calls-input callback-input callback-runs-input hidden-input writes-input-as-code "
    "hidden-name"
)
HIGH = names("evaluates-unpacked calls-unpacked")
MEDIUM = names("includes-input keeps-upload-named includes-disguised replaces-with-code calls-from-input")
# Of so few bytes and tokens the model alone may not say `high`: what acts in one line, rules and structure see.
SHORT, FEWEST = 1000, 40
_SCORES = {"none": 0, "medium": 50, "high": 90, "critical": 98}


@dataclass(frozen=True)
class Seen:
    """What was found in the bytes, before it is weighed."""

    kind: str
    rules: dict[str, str]
    marks: dict[str, str]
    pieces: list[str]
    code: str
    complete: bool = True


@dataclass(frozen=True)
class Judgement:
    """What the bytes are taken for. ``score``: 0 to 100; ``complete``: whether every detector ran to its end."""

    severity: str
    score: int
    detectors: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    complete: bool = True


def kind_of(name: str, data: bytes) -> str:
    """Return as what the bytes are judged: php, image, server or page."""
    if _SERVER_NAME.search(name):
        return "server"
    # Compressed data and fonts hold the two bytes `<?` by chance; whoever hides code there writes more than that.
    by_chance = b"\0" in data[:4096] and b"<?php" not in data.lower()
    if (by_chance or _BINARY.match(data[:16])) and not _CODE_NAME.search(name):
        return "image"
    return "php" if _PHP_TAG.search(data) and not _ABOUT_CODE.search(name) else "page"


def see(name: str, data: bytes) -> Seen:
    """Return what rules and structure find in the bytes."""
    data = pieces.of(data)
    kind, complete = kind_of(name, data), True
    found: dict[str, str] = {}
    try:
        for one in ("server", "php") if kind == "server" else ("php", "page") if kind == "php" else (kind,):
            found |= rules.hits(one, data)
        if kind == "php" and "high" in found.values():
            # Only now, as it costs time: what stands in a remark doesn't run.
            live = heuristics.without_remarks(data)
            found = {**rules.hits("php", live), **rules.hits("page", live)}
    except yara_x.TimeoutError:
        complete = False
    if kind != "php":
        return Seen(kind, found, {}, [], "", complete)
    code = data.decode("latin-1")
    looked = Found()
    for part in pieces.parts(data, structure.BYTES):
        structure.look(part, found=looked)
    return Seen(kind, found, looked.marks, tokens.tokens(code), code, complete)


def judge(name: str, data: bytes) -> Judgement:
    """Judge the bytes of a file of this name."""
    seen = see(name, data)
    strong = [rule for rule, strength in seen.rules.items() if strength == "high"]
    weighed = model.NOTHING
    if seen.kind == "php":
        weighed = model.weigh(tokens.features(seen.code, seen.pieces))
        if len(seen.code) < SHORT and len(seen.pieces) < FEWEST and weighed.severity == "high":
            weighed = replace(weighed, severity="medium", score=min(weighed.score, _SCORES["high"] - 1))
    level = max(_level(seen.marks), "high" if strong else "none", key=ORDER.index)
    severity = max(level, weighed.severity, key=ORDER.index)
    detectors = [name for name, hit in (("rules", strong), ("structure", _level(seen.marks) != "none")) if hit]
    if weighed.severity != "none":
        detectors.append("model")
    score = max(weighed.score, _SCORES[level])
    reasons = _reasons(strong, seen, weighed) if severity != "none" else ()
    signs = (*strong, *seen.marks, *(("model",) if weighed.severity != "none" else ()))
    return Judgement(severity, score, tuple(detectors), reasons, signs, seen.complete)


def _level(marks: Mapping[str, str]) -> str:
    if CRITICAL & marks.keys():
        return "critical"
    return "high" if HIGH & marks.keys() else "medium" if MEDIUM & marks.keys() else "none"


def _reasons(strong: Sequence[str], seen: Seen, weighed: model.Weighed) -> tuple[str, ...]:
    """Return sentences, the strongest first; what is quoted from the file is cleaned and short."""
    weight = {**dict.fromkeys(CRITICAL, 3), **dict.fromkeys(HIGH, 2), **dict.fromkeys(MEDIUM, 1)}
    out = [_(SENTENCES[rule]) for rule in strong]
    for mark in sorted(seen.marks, key=lambda one: -weight.get(one, 0)):
        place = clean(seen.marks[mark], 120)
        out.append(_(SENTENCES[mark]) + (f" ({place})" if place else ""))
    if weighed.heaviest:
        known = tokens.named(seen.code, seen.pieces, frozenset(weighed.heaviest))
        texts = dict.fromkeys(clean(known[one], 60) for one in weighed.heaviest if known.get(one))
        out.append(_(MODEL).format(tokens=" · ".join(list(texts)[:6])))
    return tuple(dict.fromkeys(out))[:8]
