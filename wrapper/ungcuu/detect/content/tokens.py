"""PHP code as tokens that say what a piece is, not what its author called it. Pure and linear in time.

One regular expression takes code apart. Every open-ended alternative may end with the data, so that text which never
closes costs one pass. A parser isn't needed here: what no parser accepts still gives tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from itertools import pairwise
from zlib import crc32

MOST = 12000  # tokens of one file; head and tail are kept
_HALF = MOST // 2

OPEN = re.compile(r"<\?(?:php\b|=|(?!xml\b)(?=[\s$@/(a-z_]))", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?P<gap>\s+|//[^\n]*?(?=\?>|\n|\Z)|#(?!\[)[^\n]*?(?=\?>|\n|\Z)|/\*.*?(?:\*/|\Z))"
    r"|(?P<html>\?>.*?(?:<\?(?:php\b|=)?|\Z))"
    r"|(?P<text>'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z)|\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|\\?\Z)"
    r"|<<<[ \t]*(?P<quote>['\"]?)(?P<mark>\w{1,80})(?P=quote)\r?\n.*?(?:\n[ \t]*(?P=mark)\b|\Z))"
    r"|(?P<variable>\${1,8}[\w\x80-\xff]+)"
    r"|(?P<number>\d[\w.]*)"
    r"|(?P<name>[A-Za-z_\x80-\xff\\][\w\x80-\xff\\]*)"
    r"|(?P<sign>->|::|=>|===|!==|==|!=|&&|\|\||\+\+|--|\.=|\?->|\?\?|.)",
    re.DOTALL,
)
_GLOBALS = frozenset(
    ["$_get", "$_post", "$_request", "$_cookie", "$_server", "$_files", "$_session", "$_env", "$globals", "$this"]
)
_MIXED = re.compile(r"[a-z]\d+[a-z]|[a-z][A-Z][a-z][A-Z]|\d[A-Z]", re.ASCII)
_LOOKALIKE = re.compile(r"\$[O0Il1_]+\Z")
_ESCAPES = re.compile(r"\\(?:x[0-9a-fA-F]{2}|[0-7]{2,3})")
_PLAIN = re.compile(r"[\w.:/ -]{1,24}\Z", re.ASCII)
_CODED = re.compile(r"[A-Za-z0-9+/=]+\Z")
_WORD = re.compile(r"[a-z_]{3,20}")


def tokens(code: str) -> list[str]:
    """Return the tokens of PHP code, from its first open tag; head and tail where there are very many."""
    opened = OPEN.search(code)
    if not opened:
        return []
    out: list[str] = []
    for match in _TOKEN.finditer(code, opened.end()):
        kind = match.lastgroup
        if kind == "gap":
            continue
        piece = match.group()
        if kind == "sign":
            if piece != ";":
                out.append(piece)
        elif kind == "name":
            out.append(piece.lower())
        elif kind == "variable":
            out.append(_variable(piece))
        elif kind == "number":
            out.append(piece if len(piece) == 1 else "N")
        elif kind == "html":
            out.append("HTML" if len(piece) > 8 else "?>")
        else:
            out.append(_text(piece))
        if len(out) > 4 * MOST:
            out = [*out[:_HALF], *out[-_HALF:]]
    return out if len(out) <= MOST else [*out[:_HALF], *out[-_HALF:]]


def _variable(piece: str) -> str:
    low = piece.lower()
    if low in _GLOBALS:
        return low
    if _LOOKALIKE.match(piece):
        return "V0"
    if not piece.isascii():
        return "VX"
    size = len(piece)
    if size <= 3:
        return f"V{size}"
    if _MIXED.search(piece):
        return "VM"
    return "V" if size < 24 else "VL"


def _text(piece: str) -> str:
    body = piece[1:-1]
    size = len(body)
    if size == 0:
        return "S0"
    if size < 2000 and _PLAIN.match(body):
        return "s:" + body.lower()
    escapes = len(_ESCAPES.findall(body[:4096]))
    if escapes >= 3 and escapes * 8 > min(size, 4096):
        return "SX"
    if size >= 60 and _CODED.match(body[:4096]):
        return "SB" if size < 1000 else "SBB"
    if not body[:400].isascii():
        return "SU"
    return "S" if size < 100 else "SL" if size < 1000 else "SLL"


def words(code: str) -> Iterator[str]:
    """Yield the plain words of the code, texts and pages included; a bounded part of it."""
    part = code if len(code) <= 65536 else code[:32768] + code[-32768:]
    return iter(set(_WORD.findall(part.lower())))


def shape(code: str, count: int) -> list[str]:
    """Return how the whole looks: size, longest line, blanks, remarks, as coarse steps."""
    size = len(code) or 1
    longest = max(map(len, code[:262144].split("\n", 4000)))
    blanks = sum(map(code.count, " \t\n"))
    remarks = code.count("/*") + code.count("//") + code.count("#")
    return [
        f"D:size{size.bit_length()}",
        f"D:line{longest.bit_length()}",
        f"D:blanks{blanks * 10 // size}",
        f"D:remarks{min(9, remarks * 1000 // size)}",
        f"D:dense{min(12, size // (count or 1))}",
    ]


def extras(code: str, pieces: Sequence[str]) -> list[str]:
    """Return what the model sees beside the tokens: the shape of the whole, and its plain words."""
    return [*shape(code, len(pieces)), *("w:" + word for word in words(code))]


def features(code: str, pieces: Sequence[str]) -> set[int]:
    """Return what the model sees of a file: tokens, pairs, triples and fours, and the extras, as 32-bit numbers."""
    one, two, three, four = _grams(pieces)
    return {*one, *two, *three, *four, *(crc32(extra.encode()) for extra in extras(code, pieces))}


def named(code: str, pieces: Sequence[str], wanted: Set[int]) -> dict[int, str]:
    """Return the text of these features, as far as they stand in the code."""
    found = {crc32(extra.encode()): extra.partition(":")[2] for extra in extras(code, pieces)}
    for size, keys in enumerate(_grams(pieces), 1):
        found |= {key: " ".join(pieces[at : at + size]) for at, key in enumerate(keys) if key in wanted}
    return {key: text for key, text in found.items() if key in wanted}


def _grams(pieces: Sequence[str]) -> tuple[list[int], list[int], list[int], list[int]]:
    known = {piece: crc32(piece.encode("utf-8", "surrogatepass")) for piece in set(pieces)}
    one = [known[piece] for piece in pieces]
    two = [(a * 0x9E3779B1 + b) & 0xFFFFFFFF for a, b in pairwise(one)]
    three = [(a * 0x85EBCA6B + b) & 0xFFFFFFFF for a, b in zip(two, one[2:], strict=False)]
    four = [(a * 0xC2B2AE35 + b) & 0xFFFFFFFF for a, b in zip(three, one[3:], strict=False)]
    return one, two, three, four
