"""Read what `nginx -T` prints: all of its configuration files. Pure; used on the host and on the controller.

Standard library only. On the controller the text comes from a host and is not believed.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

_FILE = re.compile(r"^# configuration file (/[^\n]*):$", re.MULTILINE)
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([{};])|((?:\$\{[^}\n]*\}|\\.|[^\s{};\\])+)""", re.DOTALL
)
_DEPTH = 12  # includes and blocks inside each other; more is no configuration


@dataclass(frozen=True)
class Directive:
    """One directive: ``listen 443 ssl;``, or a block with what stands in it."""

    name: str
    words: tuple[str, ...]
    place: str
    inner: tuple[Directive, ...] = ()


@dataclass(frozen=True)
class _Token:
    text: str
    line: int
    mark: bool  # one of { } ;


def files_of(dump: str) -> dict[str, str]:
    """Return the text of each file in the dump."""
    parts = _FILE.split(dump)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _tokens(text: str) -> Iterator[_Token]:
    line = 0  # the dump has a line before each file's first
    for match in _TOKEN.finditer(text):
        word = next((part for part in match.groups() if part is not None), None)
        if word is not None:
            yield _Token(word, line, match[3] is not None)
        line += match[0].count("\n")


def parse(text: str, path: str = "") -> tuple[Directive, ...]:
    """Return the directives of one file. What is cut off or odd ends where it stands."""
    return _block(_tokens(text), path, 0)


def _block(tokens: Iterator[_Token], path: str, depth: int) -> tuple[Directive, ...]:
    found: list[Directive] = []
    words: list[_Token] = []
    for token in tokens:
        if not token.mark:
            words.append(token)
            continue
        inner = _block(tokens, path, depth + 1) if token.text == "{" and depth < _DEPTH else ()
        if words:
            name, *rest = (word.text for word in words)
            found.append(Directive(name, tuple(rest), f"{path}:{words[0].line}", inner))
        words = []
        if token.text == "}":
            break
    return tuple(found)


def expanded(directives: tuple[Directive, ...], files: Mapping[str, str], depth: int = 0) -> tuple[Directive, ...]:
    """Put the files that are included in the place of their include."""
    found: list[Directive] = []
    for one in directives:
        if one.name == "include" and one.words and depth < _DEPTH:
            for path in included(files, one.words[0], "/etc/nginx"):
                found += expanded(parse(files[path], path), files, depth + 1)
        else:
            found.append(replace(one, inner=expanded(one.inner, files, depth + 1)) if one.inner else one)
        if len(found) > 20000:
            break
    return tuple(found)


def deep(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    """All of these directives, and those of the blocks in them."""
    for one in directives:
        yield one
        yield from deep(one.inner)


def included(files: Iterable[str], pattern: str, base: str) -> list[str]:
    """Return those of the files that an include names, in the server's order; a folder stands for all files in it."""
    whole = posixpath.normpath(posixpath.join(base, pattern))
    return sorted(
        name
        for name in files
        if (name.count("/") == whole.count("/") and fnmatch.fnmatchcase(name, whole)) or name.startswith(whole + "/")
    )
