"""Keeps the Vietnamese catalogue in step with the texts: ``python wrapper/tests/tools/catalogue.py update``.

Texts are those marked in the package and its templates, the names of plays and steps in playbooks and roles, the
titles of items of evidence, and click's own messages that a user of this tool can meet. docs/how-to/translate.md shows
a translator how to use it.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import yaml
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "wrapper" / "ungcuu"
PO = PACKAGE / "locales" / "vi" / "LC_MESSAGES" / "ungcuu.po"
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
KEY = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+")

CLICK = (
    "Usage:", "Usage: {usage}", "Options", "Commands", "Arguments", "Show this message and exit.", "Missing command.",
    "Error: {message}", "Error", "Aborted!", "default: {default}", "required", "env var: {var}", "(dynamic)",
    "No such option: {name}", "No such option {name!r}.",
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    "Option {name!r} does not take a value.", "Missing argument", "Missing option", "Missing parameter",
    "Invalid value: {message}", "Invalid value for {param_hint}: {message}", "Choose from:\n\t{choices}",
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."), "{value!r} is not a valid {number_type}.",
    "Try '{command} {option}' for help.", ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
)  # fmt: skip # a table


def messages() -> Catalog:
    """Return every text that must have a translation."""
    catalogue = Catalog(
        domain="ungcuu", project="ungcuu", locale="vi", charset="utf-8", header_comment="# ungcuu in Vietnamese."
    )
    for file, _line, text, _comments, _context in extract_from_dir(
        PACKAGE, [("**.py", "python"), ("**.j2", "jinja2")], keywords=KEYWORDS, comment_tags=()
    ):
        if not KEY.fullmatch(str(text)):  # a key within _(TEXTS["no_findings"]) is no text
            catalogue.add(text, locations=[(f"wrapper/ungcuu/{file}", 0)])
    for place, text in step_names():
        catalogue.add(text, locations=[(place, 0)])
    for place, text in evidence_titles():
        catalogue.add(text, locations=[(place, 0)])
    for text in CLICK:
        catalogue.add(text, locations=[("click", 0)])
    return catalogue


def step_names() -> Iterator[tuple[str, str]]:
    """Yield the names that plan, help and screen show: of plays, of their tasks and of roles' table of contents."""
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        place = path.relative_to(ROOT).as_posix()
        for play in _load(path):
            for section in ("pre_tasks", "tasks", "post_tasks"):
                yield from _names(play.get(section) or [], place)
    for path in sorted((ROOT / "roles").glob("*/tasks/main.yml")):
        yield from _names(_load(path), path.relative_to(ROOT).as_posix())


def evidence_titles() -> Iterator[tuple[str, str]]:
    """Yield what each item of evidence is, as reports show it."""
    for path in sorted((ROOT / "roles" / "evidence" / "profiles").glob("*.yml")):
        for item in yaml.safe_load(path.read_text("utf-8"))["items"]:
            yield path.relative_to(ROOT).as_posix(), item["what"]


def _names(entries: list[dict[str, object]], place: str) -> Iterator[tuple[str, str]]:
    for entry in entries:
        inner = entry.get("block")
        if isinstance(inner, list):
            yield from _names(inner, place)
        elif entry.get("name"):
            yield place, str(entry["name"])


class _Loader(yaml.SafeLoader):
    """Reads Ansible's tags as plain values."""


_Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


def _load(path: Path) -> list[dict[str, object]]:
    data = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader, see above
    return [entry for entry in data or [] if isinstance(entry, dict)]


def translated() -> Catalog:
    """Return the catalogue as it is committed."""
    with PO.open("rb") as file:
        return read_po(file, locale="vi", domain="ungcuu")


def compiled(catalogue: Catalog) -> bytes:
    """Return the bytes of the compiled catalogue."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def update() -> int:
    """Take in new texts, drop those that are gone, compile; return how many have no translation yet."""
    wanted = messages()
    known = {_key(m.id): m.string for m in translated() if m.id} if PO.exists() else {}
    for message in wanted:
        string = known.get(_key(message.id)) if message.id else None
        if string and isinstance(message.id, str) == isinstance(string, str):  # else it has become a plural, or none
            message.string = string
    wanted.revision_date = wanted.creation_date = datetime(2026, 1, 1, tzinfo=UTC)  # no change where no text changed
    with PO.open("wb") as file:
        write_po(file, wanted, sort_by_file=False, sort_output=True, omit_header=False, include_lineno=False, width=110)
    PO.with_suffix(".mo").write_bytes(compiled(translated()))
    return sum(1 for message in wanted if message.id and not filled(message.string))


def _key(identifier: object) -> object:
    return identifier[0] if isinstance(identifier, tuple | list) else identifier


def filled(string: object) -> bool:
    """Whether a translation is there, in all its plural forms."""
    return all(string) if isinstance(string, tuple | list) else bool(string)


if __name__ == "__main__":
    if sys.argv[1:] != ["update"]:
        sys.exit(__doc__)
    left = update()
    print(f"{PO.relative_to(ROOT)}: {left} texts have no translation yet")
