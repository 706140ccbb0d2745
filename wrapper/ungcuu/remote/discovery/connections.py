"""To which databases a hand-written site connects: read from its sources, which are never run. Pure.

Sites write their settings into variables, arrays and constants of one file and open the connection in another. A
value counts where it is a plain literal wherever it is set; what is computed otherwise, or set to two things, is not
found. Standard library only: it runs on a host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from ungcuu.remote import site_config
from ungcuu.remote.site_config import Token

ARGUMENTS = 4000  # characters that the arguments of one call may take
MOST = 20  # calls of one file that are read; whoever may write a file may fill it with them
_CALL = re.compile(r"\b(?:new\s+\\?(?P<made>PDO|mysqli)|(?P<called>mysqli_connect|pg_p?connect))\s*\(", re.I)
# The older way: a connection first, then its database.
_CHOSEN = re.compile(r"(?:\bmysqli_select_db\s*\(\s*\$\w+\s*,|->\s*select_db\s*\()", re.I)
_DSN = re.compile(r"(mysql|pgsql):")
_NAMED = re.compile(r"\bdbname=([A-Za-z0-9_$-]{1,64})(?:[;\s]|$)")
# A connection whose account stands elsewhere, such as in the settings of a framework.
_ALONE = re.compile(r"""["'](mysql|pgsql):[^"']{0,200}?\bdbname=([A-Za-z0-9_$-]{1,64})[^"']{0,200}["']""")
_INSIDE = re.compile(r"""\{?(\$[A-Za-z_]\w*)((?:\[["']?\w+["']?\])*)\}?""")
_USER = re.compile(r"\buser=([^;\s]+)")
_UNKNOWN = "\0"


def opened(sources: Mapping[str, str]) -> list[list[str]]:
    """File, engine, database and account of each connection; the account is empty where it is not stated."""
    known = _settings(sources)
    found = [[path, *row] for path, text in sources.items() for row in _calls(text, known)]
    return found or [[path, *match.groups(), ""] for path, text in sources.items() for match in _ALONE.finditer(text)]


# Programs behind a web server: Django's settings, and addresses as SQLAlchemy and many others take them.
_DJANGO = re.compile(
    r"""["']ENGINE["']\s*:\s*["']django\.(?:contrib\.gis\.)?db\.backends\.(postgresql|postgis|mysql)"""
)
_KEY = r"""["']%s["']\s*:\s*["']([A-Za-z0-9_$-]{1,64})["']"""
_ADDRESS = re.compile(
    r"\b(postgres(?:ql)?|mysql|mariadb)(?:\+\w{1,20})?://([A-Za-z0-9_$-]{1,64})?(?::[^@\s\"']{0,200})?"
    r"@[^/\s\"']{0,200}/([A-Za-z0-9_$-]{1,64})"
)
_NEAR = 600  # characters around a setting in which those beside it stand


def stated(sources: Mapping[str, str]) -> list[list[str]]:
    """File, engine, database and account that the settings of a program in Python name; as :func:`opened`."""
    found = []
    for path, text in sources.items():
        for match in islice(_DJANGO.finditer(text), MOST):
            near = text[max(0, match.start() - _NEAR) : match.end() + _NEAR]
            name, user = re.search(_KEY % "NAME", near), re.search(_KEY % "USER", near)
            if name:
                found.append([path, _ENGINE[match[1]], name[1], user[1] if user else ""])
        for match in islice(_ADDRESS.finditer(text), MOST):
            found.append([path, _ENGINE[match[1]], match[3], match[2] or ""])
    return found


_ENGINE = {
    "postgresql": "pgsql", "postgres": "pgsql", "postgis": "pgsql", "mysql": "mysql", "mariadb": "mysql",
}  # fmt: skip # a table


def _settings(sources: Mapping[str, str]) -> dict[str, str]:
    """Every plain value of all sources, by name; none that two of them set to different things."""
    known: dict[str, str | None] = {}
    for text in sources.values():
        for name, value in site_config.values(text, "php").items():
            known[name] = value if known.get(name, value) == value else None
    return {name: value for name, value in known.items() if value is not None}


def _calls(text: str, known: Mapping[str, str]) -> Iterator[list[str]]:
    chosen: str | None = None
    for match in islice(_CALL.finditer(text), MOST):
        given = [_value(words, known) for words in _arguments(text[match.end() : match.end() + ARGUMENTS])]
        given += [""] * (4 - len(given))
        way, name = (match["made"] or match["called"]).lower(), _NAMED.search(given[0])
        user = (_USER.search(given[0]) or ["", ""])[1]
        if way == "pdo":
            engine = _DSN.match(given[0])
            row = [engine[1], name[1], given[1] or user] if engine and name else []
        elif way.startswith("pg_"):
            row = ["pgsql", name[1], user] if name else []
        else:
            if not given[3] and chosen is None:
                chosen = _chosen(text, known)
            row = ["mysql", given[3] or chosen or "", given[1]]
        if row and site_config.FORMS["name"].fullmatch(row[1]):
            yield [*row[:2], row[2] if site_config.FORMS["user"].fullmatch(row[2]) else ""]


def _chosen(text: str, known: Mapping[str, str]) -> str:
    """The one database that a file chooses for a connection; empty where it chooses none, several or too often."""
    names: set[str] = set()
    for number, match in enumerate(_CHOSEN.finditer(text)):
        if number < MOST:
            names.add(_value(_arguments(text[match.end() : match.end() + ARGUMENTS])[0], known))
        if number >= MOST or len(names) > 1:
            return ""
    return names.pop() if names else ""


def _arguments(text: str) -> list[list[Token]]:
    """The arguments of a call whose parenthesis was just opened, as tokens."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in site_config.tokens(text):
        mark = token[1] if token[0] == "other" else ""
        if mark in (")", "]", "}") and depth == 0:
            break
        depth += (mark in ("(", "[", "{")) - (mark in (")", "]", "}"))
        if mark == "," and depth == 0:
            found.append([])
        else:
            found[-1].append(token)
    return found


def _value(words: list[Token], known: Mapping[str, str]) -> str:
    """Strings, settings and what joins them; a part that is not known is one byte that fits no name."""
    parts: list[list[Token]] = [[]]
    for token in words:
        if token == ("other", "."):
            parts.append([])
        else:
            parts[-1].append(token)
    return "".join(_part(part, known) for part in parts)


def _part(words: list[Token], known: Mapping[str, str]) -> str:
    if len(words) == 1 and words[0][0] in ("single", "double"):
        plain = site_config.literal(words[0])
        if plain is not None:
            return plain
        return _INSIDE.sub(lambda match: known.get(_name(match[1], match[2]), _UNKNOWN), words[0][1][1:-1])
    if words and words[0][0] in ("variable", "word"):
        return known.get(_name(words[0][1], "".join(text for _kind, text in words[1:])), _UNKNOWN)
    return _UNKNOWN


def _name(base: str, keys: str) -> str:
    """The name of a setting as `site_config` has it: `$db['name']` is `$db.name`."""
    inner = re.findall(r"""\[["']?(\w+)["']?\]""", keys)
    whole = "".join(f"[{key}]" for key in inner)
    return ".".join([base, *inner]) if len(re.sub(r"[\"']", "", keys)) == len(whole) else _UNKNOWN
