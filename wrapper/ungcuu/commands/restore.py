"""`restore`: bring the website back from the vault, staged, checked and swapped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.i18n import N_, _
from ungcuu.verb import Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.context import Context
    from ungcuu.runner import RunResult

_PARTS = ("files", "database", "config")


def _variables(options: Mapping[str, Any]) -> Mapping[str, object]:
    return {
        "website_restore_at": options["at"],
        "website_restore_clean": bool(options["clean"]),
        "website_restore_before": options["first_sign"] or "",
        "website_restore_only": list(options["only"] or _PARTS),
    }


def _preflight(context: Context) -> None:
    """Refuse a date that means nothing before anything is asked of a host."""
    from ungcuu.case import parse_when
    from ungcuu.errors import UsageFault

    if context.options["first_sign"]:
        parse_when(context.options["first_sign"])
    if context.options["clean"] and not _first_sign(context):
        raise UsageFault(
            _("--clean needs to know since when the host is compromised."),
            _("Nothing was changed."),
            f"ungcuu restore {context.host} --clean --first-sign 2026-01-31T08:00Z",
        )


def _first_sign(context: Context) -> str:
    """The time that was given, else the one that the host's open case knows."""
    from ungcuu.case import current

    if context.options["first_sign"]:
        return str(context.options["first_sign"])
    case = current(context.settings, context.host)
    return case.facts.first_sign if case else ""


def _before(context: Context) -> Mapping[str, object] | None:
    return {"website_restore_before": _first_sign(context)} if context.options["clean"] else None


def _after(context: Context, _result: RunResult) -> Result | None:
    """Tell what came back, what was kept, and what was written since; a failed run keeps its own result."""
    done = [r["data"] for r in context.records if r["kind"] == "change" and _data(r).get("action") == "restore"]
    if len(done) < len(context.hosts):
        return None
    lines = []
    for record in done:
        data: Mapping[str, Any] = record if isinstance(record, dict) else {}
        since = data.get("written_since") or {}
        words = _(
            "{host}: as it was at {time}; what was live is kept in {kept}; written since: {files} files, {rows} rows"
        )
        lines.append(
            words.format(
                host=data.get("host"),
                time=(data.get("point") or {}).get("time"),
                kept=(data.get("kept") or {}).get("folder"),
                files=since.get("files_total", 0),
                rows=sum(int(row.get("lost") or 0) for row in since.get("rows") or ()),
            )
        )
    return Result(message="\n".join(lines), data={"restores": done})


def _data(record: Mapping[str, object]) -> Mapping[str, object]:
    data = record["data"]
    return data if isinstance(data, dict) else {}


VERB = Verb(
    name="restore",
    phase=Phase.RECOVER,
    summary=N_("Bring the website back from the vault; what was live is kept"),
    description=N_(
        "The restore point is staged beside the live website, checked (nothing missing, no link out of the web root, "
        "no program among uploads, PHP syntax, the database in a scratch schema), swapped in, and swapped back if the "
        "page then fails. Works while the host is isolated."
    ),
    playbook="restore",
    dangerous=True,
    options=(
        Option("--at", N_("restore point: id, time in UTC, or latest"), default="latest", metavar="ID|TIME"),
        Option(
            "--clean",
            N_("newest point older than the first sign that holds nothing suspicious"),
            kind="flag",
        ),
        Option("--first-sign", N_("first sign of compromise, in UTC; the open case's by default"), metavar="TIME"),
        Option("--only", N_("restore this part only (repeatable)"), kind="choice", choices=_PARTS, multiple=True),
    ),
    variables=_variables,
    preflight=_preflight,
    before=_before,
    after=_after,
    inverse="ungcuu-site undo (on {host}, with the id that the run reports)",
    deadline=6 * 3600.0,
    examples=(
        "ungcuu restore web01",
        "ungcuu restore web01 --clean",
        "ungcuu restore web01 --at 4e3a0bd1 --only database",
    ),
)
