"""What people put into the register: records, and that something was done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.cli.commands.register.reading import operations, register_of, today
from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from pathlib import Path

    from ungcuu.case.journal import Journal
    from ungcuu.prepare.register.entry import Entry

_FOLLOW_UP = re.compile(r"(UC-\d{8}-\d{3,})/(task-\d+)\Z")
_TYPED = ("date", "due", "until", "owner", "unit", "proof")


def _raw(options: Mapping[str, object]) -> dict[str, str | list[str]]:
    """The fields that were typed, as texts; a name that is given again is a list."""
    title = options["title"]
    raw: dict[str, str | list[str]] = {"title": " ".join(map(str, title)) if isinstance(title, tuple) else str(title)}
    raw |= {name: str(options[name]) for name in _TYPED if options[name]}
    more: dict[str, list[str]] = {}
    given = options["set"]
    for pair in given if isinstance(given, tuple) else ():
        name, equals, text = str(pair).partition("=")
        if not equals or name in raw:
            raise UsageFault(
                _("--set takes NAME=TEXT, for a field without an option of its own: {pair}").format(
                    pair=str(pair)[:80]
                ),
                _("Nothing was changed."),
                "ungcuu register add --help",
            )
        more.setdefault(name, []).append(text)
    return {**raw, **{name: texts if len(texts) > 1 else texts[0] for name, texts in more.items()}}


def check(context: Context) -> None:
    """Refuse what was typed, also under --plan."""
    from ungcuu.prepare.register import kinds, store

    kind = context.options["kind"]
    try:
        kinds.read(kind, _raw(context.options))
    except kinds.Unfit as error:
        raise store.unusable(kind, error) from error


def add(context: Context) -> Result:
    """Write one record."""
    from ungcuu.prepare.register import store
    from ungcuu.prepare.register.kinds import Unfit

    register, kind = register_of(context), context.options["kind"]
    wanted = context.options["id"] or ""
    if wanted and not wanted.startswith(f"{kind}-"):
        wanted = f"{kind}-{wanted}"
    try:
        entry = store.made(register, kind, _raw(context.options), today(), wanted)
    except Unfit as error:
        raise store.unusable(wanted or kind, error) from error
    journal = operations(context)
    path = store.add(context.settings, register, [entry])[0]
    record(journal, context, "added", entry, path)
    return Result(message=_("Added: {path}").format(path=path), data={"id": entry.id, "file": str(path)})


def record(journal: Journal, context: Context, action: str, entry: Entry, path: Path) -> None:
    """Record what was written, with its hash."""
    import hashlib

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    data = {"action": action, "id": entry.id, "file": path.name, "sha256": digest}
    journal.append("register", {**data, "operator": context.settings.operator})


def done(context: Context) -> Result:
    """Record that something was done."""
    wanted, proof = context.options["id"], " ".join(context.options["proof"]).strip()
    if not proof:
        raise UsageFault(
            _("What proves that it was done?"), _("Nothing was changed."), f"ungcuu register done {wanted} PROOF"
        )
    if found := _FOLLOW_UP.match(wanted):
        return _follow_up(context, found[1], found[2], proof)
    return _planned(context, wanted, proof)


def _follow_up(context: Context, case_id: str, task: str, proof: str) -> Result:
    """Finish a follow-up in the journal of its case."""
    from ungcuu.case.case import find
    from ungcuu.case.lessons import follow_ups

    case = find(context.settings, case_id)
    known = next((one for one in follow_ups(case.records()) if one.id == task), None)
    if known is None or known.done:
        message = _("{case} has no open task {task}.").format(case=case_id, task=task)
        raise Refused(message, _("Nothing was changed."), "ungcuu register due")
    case.finish_task(task, proof)
    return Result(
        message=_("Recorded as done: {task}.").format(task=f"{case_id}/{task}"), data={"id": f"{case_id}/{task}"}
    )


def _planned(context: Context, wanted: str, proof: str) -> Result:
    from ungcuu.prepare.register import store
    from ungcuu.prepare.register.kinds import Unfit

    register = register_of(context)
    known = register.find(wanted)
    if known is None or known.done or known.id not in register.own or not known.day("due"):
        why = _("it is done already") if known and known.done else _("there is no planned record of this name")
        raise Refused(f"{wanted}: {why}", _("Nothing was changed."), "ungcuu register due")
    raw = {**known.as_texts(), "date": context.options["date"] or today().isoformat(), "proof": proof}
    if context.options["until"]:
        raw["until"] = context.options["until"]
    try:
        entry = store.made(register, known.kind, raw, today(), known.id)
    except Unfit as error:
        raise store.unusable(wanted, error) from error
    journal = operations(context)
    path = store.replace(context.settings, register, [entry])[0]
    record(journal, context, "done", entry, path)
    return Result(
        message=_("Recorded as done: {task}.").format(task=entry.id), data={"id": entry.id, "file": str(path)}
    )
