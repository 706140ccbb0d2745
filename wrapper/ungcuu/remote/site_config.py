"""Read what an application's configuration file states about its database. Pure: text in, checked values out.

A configuration is a stranger's text, and often a program: nothing in it is run. A value counts only where it stands as
a plain literal; a value that is computed, or that is set twice to different things, is not found. Standard library
only: the controller uses it, and it travels with programs that run on a host.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

LIMIT = 256 << 10  # characters; what is longer is no configuration
DEPTH = 8  # arrays in arrays

# Engines as applications call them.
ENGINES = {
    "mariadb": "mariadb",
    "mysql": "mariadb",
    "mysqli": "mariadb",
    "pdomysql": "mariadb",
    "pdo_mysql": "mariadb",
    "pgsql": "postgresql",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "pdo_pgsql": "postgresql",
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
    "none": "none",
}
# What each value has to look like to be believed; it may end in a query or in a person's inventory.
FORMS = {
    "name": re.compile(r"[A-Za-z0-9_$-]{1,64}"),
    "user": re.compile(r"[A-Za-z0-9_.$-]{1,64}"),
    "host": re.compile(r"[A-Za-z0-9_.:/-]{1,255}"),
    "prefix": re.compile(r"[A-Za-z0-9_]{0,32}"),
    "schema": re.compile(r"[A-Za-z0-9_]{1,63}"),
}
_PHP = re.compile(
    r"""(?P<skip>\s+|/\*.*?\*/|(?://|\#(?!\[))[^\n]*)
    |(?P<end>\?>)
    |(?P<heredoc><<<[ \t]*["']?(?P<mark>[A-Za-z_]\w{0,64})["']?\n.*?^[ \t]*(?P=mark)\b)
    |(?P<single>'(?:[^'\\]|\\.)*')
    |(?P<double>"(?:[^"\\]|\\.)*")
    |(?P<variable>\$[A-Za-z_]\w{0,100})
    |(?P<number>-?\d{1,20}(?:\.\d{1,20})?\b)
    |(?P<word>[A-Za-z_]\w{0,100})
    |(?P<arrow>=>)
    |(?P<operator>===|!==|==|!=|<=|>=|[.+*/%-]=|\?\?=|->|::)
    |(?P<other>.)""",
    re.X | re.S | re.M,
)
_ENV = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w{0,100})[ \t]*=[ \t]*(.*?)[ \t]*$")
_INI = re.compile(r"^[ \t]*([A-Za-z_][\w.]{0,100})[ \t]*=[ \t]*(.*?)[ \t]*$")
_SECTION = re.compile(r"^[ \t]*\[([^\]]{1,100})\][ \t]*$")

Token = tuple[str, str]  # kind, text
_ADDING = (("operator", ".="), ("operator", "+="), ("operator", "??="))


def values(text: str, parser: str) -> dict[str, str]:
    """Return every plain value that a configuration states.

    ``parser`` is ``php``, ``ini`` or ``env``. Names: ``DB_NAME`` (a constant), ``$wgDBname`` (a variable or a
    class's property), ``$db_config.dbname`` (an array's element), ``section.key`` (ini).
    """
    return {name: value for name, value in _found(text, parser).known.items() if value is not None}


def _found(text: str, parser: str) -> _Found:
    found = _Found()
    if len(text) > LIMIT:
        return found
    if parser == "php":
        _php(text, found)
    else:
        _lines(text, parser, found)
    return found


def replaced(text: str, parser: str, fresh: Mapping[str, str], added: Collection[str] = ()) -> str:
    """Return a configuration with other values: letters and digits, which need no escaping in any of the forms.

    Names in ``added`` are written at the end of a PHP file that does not hold them.

    Raises:
        ValueError: A value does not stand there exactly once as a plain literal; with its name.
    """
    found, spans, extra = _found(text, parser), [], []
    for name, value in fresh.items():
        places = found.places.get(name, [])
        if not re.fullmatch(r"[A-Za-z0-9]{1,128}", value) or len(places) > 1 or places == [None]:
            raise ValueError(name)
        if place := places[0] if places else None:
            spans.append((*place, value))
        elif name in added and parser == "php" and re.fullmatch(r"\$[A-Za-z_]\w{0,100}", name):
            extra.append(f"{name} = '{value}';\n")
        else:
            raise ValueError(name)
    for start, end, value in sorted(spans, reverse=True):
        quote = "'" if parser == "php" else text[start] if text[start] in "'\"" else ""
        text = f"{text[:start]}{quote}{value}{quote}{text[end:]}"
    if extra:
        text = text.rstrip().removesuffix("?>").rstrip() + "\n" + "".join(extra)
    # Read again: what does not stand there as it has to must not pass for what counts.
    if wrong := [name for name, value in fresh.items() if values(text, parser).get(name) != value]:
        raise ValueError(wrong[0])
    return text


def connection(text: str, parser: str, names: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """Return engine, name, user, host, prefix and schema as far as they stand there and look as they have to.

    ``names`` maps each of them to the name in the file; ``defaults`` are what the application takes where a file that
    states the database's name says nothing.
    """
    stated = values(text, parser)
    known = {field: stated[name] for field, name in names.items() if name in stated}
    if "name" not in known:
        return {}
    checked = {}
    for field, value in {**defaults, **known}.items():
        if field == "engine":
            engine = ENGINES.get(value.rpartition("\\")[2].lower())
            if engine:
                checked[field] = engine
        elif field in FORMS and FORMS[field].fullmatch(value):
            checked[field] = value
    return checked


class _Found:
    """Values by name; None where a name has no plain value, or two different ones."""

    def __init__(self) -> None:
        self.known: dict[str, str | None] = {}
        self.places: dict[str, list[tuple[int, int] | None]] = {}

    def put(self, name: str, value: str | None, place: tuple[int, int] | None = None) -> None:
        self.places.setdefault(name, []).append(None if value is None else place)
        if name in self.known and self.known[name] != value:
            value = None
        self.known[name] = value


def _lines(text: str, parser: str, found: _Found) -> None:
    section, begin = "", 0
    for whole in text.splitlines(keepends=True):
        line, start, begin = whole.rstrip("\r\n"), begin, begin + len(whole)
        if line.lstrip().startswith(("#", ";")):
            continue
        if parser == "ini" and (head := _SECTION.match(line)):
            section = head[1] + "."
        elif match := (_INI if parser == "ini" else _ENV).match(line):
            found.put(section + match[1], _unquoted(match[2]), (start + match.start(2), start + match.end(2)))


def _unquoted(raw: str) -> str | None:
    """A value as it is meant; None where it is computed (`$NAME`, a command) or its quotes do not match."""
    if len(raw) >= 2 and raw[0] == raw[-1] and raw[0] in "'\"":
        inner, quote = raw[1:-1], raw[0]
        return None if quote in inner or (quote == '"' and set("$`\\") & set(inner)) else inner
    plain = re.split(r"\s[#;]", raw)[0].rstrip()
    return None if set("'\"$`\\") & set(plain) else plain


def tokens(text: str) -> Iterator[Token]:
    """The tokens of PHP, without comments and blanks, up to where HTML goes on."""
    yield from (token for token, _span in _spanned(text, 0))


def _spanned(text: str, start: int) -> Iterator[tuple[Token, tuple[int, int]]]:
    """The same from a place on, each with where it stands."""
    for match in _PHP.finditer(text, start):
        kind = "heredoc" if match.lastgroup == "mark" else match.lastgroup or "other"
        if kind == "end":
            return
        if kind != "skip":
            yield (kind, match[0]), match.span()


def _php(text: str, found: _Found) -> None:
    start = text.find("<?php")
    if start >= 0:
        _Php(text, start + 5, found).read()


class _Php:
    """A PHP file as tokens, with the constants, variables and arrays that it sets to plain values."""

    def __init__(self, text: str, start: int, found: _Found) -> None:
        self.found = found
        spanned = list(_spanned(text, start))
        self.tokens = [token for token, _span in spanned]
        self.spans = [span for _token, span in spanned]
        self.at = 0

    def read(self) -> None:
        """Go through the file once."""
        while self.at < len(self.tokens):
            kind, word = self.tokens[self.at]
            self.at += 1
            if kind == "word" and word.lower() == "define":
                self.define()
            elif kind == "variable":
                self.assignment(word)

    def ahead(self, marks: str, steps: int = 0) -> bool:
        """Whether one of these marks stands there."""
        at = self.at + steps
        return at < len(self.tokens) and self.tokens[at][0] == "other" and self.tokens[at][1] in marks

    def literal(self, steps: int = 0) -> str | None:
        """The plain value that stands there; None where anything else does."""
        at = self.at + steps
        return literal(self.tokens[at]) if at < len(self.tokens) else None

    def define(self) -> None:
        """``define('NAME', literal)``."""
        name = self.literal(1) if self.ahead("(") and self.ahead(",", 2) else None
        if name:
            plain = self.ahead(")", 4) and self.literal(3) is not None
            self.found.put(name, self.literal(3) if plain else None, self.spans[self.at + 3] if plain else None)

    def assignment(self, name: str) -> None:
        """``$name['key'] = literal or array;``, or what spoils it: ``.=``, a computed value."""
        while self.ahead("[") and self.ahead("]", 2):
            key = self.literal(1)
            if key is None:
                return
            name, self.at = f"{name}.{key}", self.at + 3
        if self.at < len(self.tokens) and self.tokens[self.at] in _ADDING:
            self.found.put(name, None)
        elif self.ahead("="):
            self.at += 1
            self.value(name, ";", 0)

    def value(self, name: str, ends: str, depth: int) -> None:
        """Take the value that begins here; what is no plain one is passed over."""
        word = self.tokens[self.at][1].lower() if self.at < len(self.tokens) else ""
        if word == "[" or (word == "array" and self.ahead("(", 1)):
            self.at += 1 if word == "[" else 2
            self.array(name, "]" if word == "[" else ")", depth + 1)
        elif self.literal() is not None and self.ahead(ends, 1):
            self.found.put(name, self.literal(), self.spans[self.at])
            self.at += 1
        else:
            self.found.put(name, None)
            if depth:
                self.pass_over()

    def array(self, name: str, end: str, depth: int) -> None:
        """The elements of an array that have a literal key."""
        while depth <= DEPTH and self.at < len(self.tokens) and not self.ahead(end):
            key = self.literal()
            if key is not None and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1][0] == "arrow":
                self.at += 2
                self.value(f"{name}.{key}", f",{end}", depth)
            else:
                self.pass_over()
            if not self.ahead(",") and not self.ahead(end):
                return
            self.at += 1 if self.ahead(",") else 0
        self.at += 1

    def pass_over(self) -> None:
        """To the end of this element of an array."""
        inner = 0
        while self.at < len(self.tokens) and not self.ahead(";"):
            if self.ahead("([{"):
                inner += 1
            elif self.ahead(",)]}") and inner == 0:
                return
            elif self.ahead(")]}"):
                inner -= 1
            self.at += 1


def literal(token: Token) -> str | None:
    """The value of a plain literal; None for everything else, also for a string with a variable in it."""
    kind, text = token
    if kind == "single":
        return re.sub(r"\\([\\'])", r"\1", text[1:-1])
    if kind == "double":
        inner = text[1:-1]
        if re.search(r"(?<!\\)(?:\\\\)*\$|\\[^\\\"$]", inner):
            return None
        return re.sub(r"\\([\\\"$])", r"\1", inner)
    return text if kind == "number" or (kind == "word" and text.lower() in ("true", "false", "null")) else None
