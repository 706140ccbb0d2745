"""Compute what PHP's text functions give for known bytes. Pure; every result is bounded, and nothing is executed."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import zlib
from collections.abc import Callable, Sequence

LIMIT = 256 << 10  # bytes of one computed text
_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"e": b"\x1b", b"f": b"\f"}


def unpack_base64(data: bytes) -> bytes:
    """Decode as PHP does: what is no letter of the alphabet is left out, padding may be missing."""
    letters = _BASE64.sub(b"", data[:LIMIT])
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return base64.b64decode(letters + b"=" * (-len(letters) % 4))


def inflate(data: bytes, bits: int = -15) -> bytes:
    """Unpack at most `LIMIT` bytes: a bomb gives its first bytes and no more."""
    try:
        return zlib.decompressobj(bits).decompress(data, LIMIT)
    except zlib.error:
        return b""


def unhex(data: bytes) -> bytes:
    """Decode pairs of hexadecimal digits; empty where they are none."""
    try:
        return binascii.unhexlify(data)
    except (binascii.Error, ValueError):
        return b""


def rot13(data: bytes) -> bytes:
    """Return each letter thirteen places on."""
    return codecs.encode(data.decode("latin-1"), "rot13").encode("latin-1")


def xor(left: bytes, right: bytes) -> bytes:
    """Return PHP's `^` of two texts: as long as the shorter one."""
    return bytes(a ^ b for a, b in zip(left[:LIMIT], right, strict=False))


def escapes(data: bytes) -> bytes:
    """Return what the escape sequence of a double-quoted text stands for."""

    def one(match: re.Match[bytes]) -> bytes:
        digits, octal, letter = match.groups()
        if digits:
            return bytes([int(digits, 16)])
        if octal:
            return bytes([int(octal, 8) & 255])
        return _LETTERS.get(letter, letter if letter in b"\\$\"'" else match.group())

    return _ESCAPE.sub(one, data)


def _replace(given: Sequence[bytes]) -> bytes:
    old, new, text = given[:3]
    if not old or text.count(old) * max(len(new) - len(old), 0) + len(text) > LIMIT:
        return text
    return text.replace(old, new)


def _part(given: Sequence[bytes]) -> bytes:
    text, start = given[0], number(given[1])
    if start < 0:
        start = max(0, len(text) + start)
    if len(given) < 3:
        return text[start:]
    size = number(given[2])
    return text[start : start + size] if size >= 0 else text[start:size]


def number(text: bytes) -> int:
    """Return what PHP takes a text for as a number."""
    try:
        return int(text[:24], 0)
    except ValueError:
        return 0


def _translate(given: Sequence[bytes]) -> bytes:
    text, old, new = given[:3]
    size = min(len(old), len(new))
    return text.translate(bytes.maketrans(old[:size], new[:size]))


def _repeat(given: Sequence[bytes]) -> bytes:
    times = max(0, number(given[1]))
    return given[0] * times if times * len(given[0]) <= LIMIT else b""


def _pack(given: Sequence[bytes]) -> bytes:
    form = given[0][:1]
    if form == b"H":
        return unhex(given[1])
    return bytes(number(one) & 255 for one in given[1:]) if form in (b"C", b"c") else b""


def _percent(data: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match.group(1), 16)]), data)


def _uudecode(data: bytes) -> bytes:
    out = b""
    try:
        for line in data[:LIMIT].splitlines():
            out += binascii.a2b_uu(line)
    except binascii.Error:
        return b""
    return out


_ONE: dict[str, Callable[[bytes], bytes]] = {
    "base64_decode": unpack_base64,
    "gzinflate": inflate,
    "gzuncompress": lambda data: inflate(data, 15),
    "gzdecode": lambda data: inflate(data, 31),
    "zlib_decode": lambda data: inflate(data, 47),
    "str_rot13": rot13,
    "hex2bin": unhex,
    "strrev": lambda data: data[::-1],
    "strtolower": bytes.lower,
    "strtoupper": bytes.upper,
    "ucfirst": bytes.capitalize,
    "lcfirst": lambda data: data[:1].lower() + data[1:],
    "trim": bytes.strip,
    "ltrim": bytes.lstrip,
    "rtrim": bytes.rstrip,
    "chr": lambda data: bytes([number(data) & 255]),
    "ord": lambda data: b"%d" % (data[0] if data else 0),
    "stripslashes": lambda data: data.replace(b"\\", b""),
    "urldecode": lambda data: _percent(data.replace(b"+", b" ")),
    "rawurldecode": _percent,
    "convert_uudecode": _uudecode,
    "base64_encode": base64.b64encode,
    "bin2hex": binascii.hexlify,
    "dechex": lambda data: b"%x" % abs(number(data)),
    "hexdec": lambda data: b"%d" % int(re.sub(rb"[^0-9a-fA-F]", b"", data[:16]) or b"0", 16),
}
_MORE: dict[str, tuple[int, Callable[[Sequence[bytes]], bytes]]] = {
    "str_replace": (3, _replace),
    "str_ireplace": (3, _replace),
    "substr": (2, _part),
    "strtr": (3, _translate),
    "str_repeat": (2, _repeat),
    "pack": (2, _pack),
}


def call(name: str, given: Sequence[bytes]) -> bytes | None:
    """Return what the function gives for known texts; None where it isn't one that is computed here."""
    if not given or any(len(one) > LIMIT for one in given):
        return None
    if name in _ONE:
        return _ONE[name](given[0])[:LIMIT]
    if name in _MORE and len(given) >= _MORE[name][0]:
        return _MORE[name][1](given)[:LIMIT]
    return None
