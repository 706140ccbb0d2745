"""``ungcuu baseline HOST``: sign the known-good state of a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu.core.errors import Exit, Outcome, Refused
from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.run.verb import Context, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


_MOST_DAYS = 366  # for which a person's word on a finding holds


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the role's variables for these options."""
    if not options["archive"]:
        return {}
    given: dict[str, object] = {"host_state_archive": str(Path(str(options["archive"])).absolute())}
    return given | ({"host_state_archive_sha256": options["sha256"]} if options["sha256"] else {})


def _check(ctx: Context) -> None:
    """Refuse options that mean nothing together, and an archive that is not there."""
    from ungcuu.core.errors import UsageFault

    options, wrong = ctx.options, ""
    if options["sha256"] and not options["archive"]:
        wrong = _("--{option} is for --archive.").format(option="sha256")
    elif options["archive"] and not Path(str(options["archive"])).is_file():
        wrong = _("There is no archive {path}.").format(path=options["archive"])
    if wrong:
        example = f"ungcuu baseline {ctx.host} --archive wordpress-6.8.3.zip"
        raise UsageFault(wrong, _("Nothing was changed."), example)
    if wrong := _accept_fault(ctx):
        example = f"ungcuu baseline {ctx.host} --accept ID --owner NAME --until 2027-06-30 --reason TEXT"
        raise UsageFault(wrong, _("Nothing was changed."), example)


def _accept_fault(ctx: Context) -> str:
    """Say what is wrong with what a person accepts; empty for nothing."""
    from datetime import UTC, date, datetime, timedelta

    options = ctx.options
    if not options["accept"]:
        given = options["owner"] or options["until"]
        return _("--owner and --until are for --accept.") if given else ""
    if options["archive"]:
        return _("--accept does not go with --archive.")
    if not (options["owner"] and options["until"] and ctx.reason.strip()):
        return _("--accept needs --owner, --until and --reason: who answers for it, how long, and why.")
    today = datetime.now(UTC).date()
    try:
        last = date.fromisoformat(str(options["until"]))
    except ValueError:
        return _("--until is a day like 2027-06-30.")
    if not today <= last <= today + timedelta(days=_MOST_DAYS):
        return _("--until is a day from today on, at most {days} days ahead.").format(days=_MOST_DAYS)
    return ""


def _before(ctx: Context) -> Mapping[str, object]:
    """Hand on what a person accepts, with that person's word."""
    options = ctx.options
    if not options["accept"]:
        return {}
    word = {"reason": ctx.reason, "owner": options["owner"], "until": options["until"], "by": ctx.settings.operator}
    return {"host_state_accept": {"findings": list(options["accept"]), **word}}


def _preflight(ctx: Context) -> None:
    """Refuse a baseline that somebody changed before the host is touched, one in a case, and to renew none."""
    from ungcuu.case.host_past import HostPast
    from ungcuu.detect.baseline import check_signature
    from ungcuu.detect.scan import refuse_in_case

    check_signature(ctx.settings.state, ctx.names)
    for host in ctx.hosts:
        name = ctx.name_of(host)
        refuse_in_case(HostPast(ctx.settings.state, host), name)
        if ctx.options["archive"] and not (ctx.settings.host_dir(name) / "baseline.json").exists():
            raise Refused(
                _("{host} has no baseline that could be renewed.").format(host=name),
                _("Nothing was changed."),
                f"ungcuu baseline {name}",
            )


def _after(ctx: Context, result: RunResult) -> Result | None:
    """Say whether the host's state is a new one, and what of the application it does not hold.

    Raises:
        Refused: A host shows signs of an intruder; says how a person who has checked them signs all the same.
    """
    from ungcuu.cli.commands.scan import show_unread

    if result.outcome is not Outcome.DONE:
        _refuse_doubts(ctx, result)
        return None
    if ctx.options["archive"]:
        return _noted(ctx, result)
    signed = [row for row in result.data_of("change") if row.get("what") == Change.BASELINE]
    for row in signed:
        show_unread(ctx, row.get("host"), row)
    changed = any(row.get("changed") for row in signed)
    text = _("The baseline was signed.") if changed else _("The host is as the signed baseline says.")
    return Result(message=text, data={"baseline_changed": changed})


def _noted(ctx: Context, result: RunResult) -> Result:
    """Say what of a release was taken over, and what the host has otherwise: that stays a finding."""
    from ungcuu.cli.commands.patch import renewal_lines

    lines: list[str] = []
    differing, noted = 0, list[dict[str, Any]]()
    for host in ctx.hosts:
        rows: list[dict[str, Any]] = [dict(row) for row in result.data_of("change", host)]
        for row in (row for row in rows if row.get("what") == Change.RELEASE_NOTED):
            noted.append(row)
            differing += row["differing"] + row["leftover"]
            lines.append(_("{host}: the release {version} is noted.").format(host=host, version=row["version"]))
            lines += _odd(row, "differing", "differ", _("  the host has otherwise, or not at all: {count} ({names})"))
            lines += _odd(row, "leftover", "left", _("  not in the release, but among its files: {count} ({names})"))
        lines += renewal_lines(host, rows)
    if differing:
        lines.append(_("These stay findings: ungcuu scan {hosts}").format(hosts=" ".join(ctx.hosts)))
    return Result(message="\n".join(lines), data={"releases": noted}, code=Exit.FOUND if differing else None)


def _odd(row: Mapping[str, Any], count: str, names: str, words: str) -> list[str]:
    return [words.format(count=row[count], names=", ".join(map(str, row[names])))] if row[count] else []


def _refuse_doubts(ctx: Context, result: RunResult) -> None:
    """Name the signs of an intruder, and the option for those that a person has found to be legitimate."""
    for host in ctx.hosts:
        found = result.data_of("finding", host)
        if not found:
            continue
        for row in found:
            words = " · ".join(str(row.get(name)) for name in ("id", "severity", "rule", "path"))
            ctx.out.line(f"{host}: {words}", "bad", limit=400)
        shown = "; ".join(" ".join(str(row.get(name)) for name in ("severity", "rule", "path")) for row in found[:5])
        more = f" (+{len(found) - 5})" if len(found) > 5 else ""
        raise Refused(
            _("No baseline was signed: {host} shows signs of an intruder: {found}").format(
                host=host, found=shown + more
            ),
            _("Nothing was changed."),
            _(
                "Answer them (scan shows all). One that a person has found to be legitimate: ungcuu baseline {host} "
                "--accept ID --owner NAME --until DAY --reason TEXT (--accept as often as there are such findings)"
            ).format(host=host)
            + _own_code(ctx, host, found),
        )


def _own_code(ctx: Context, host: str, found: Sequence[Mapping[str, Any]]) -> str:
    """What helps where an application that no profile knows keeps PHP of its own in a writable folder."""
    if not any(row.get("rule") == "upload.code" for row in found):
        return ""
    if (ctx.site.variables(host).get("website_application") or "php") != "php":
        return ""
    return " " + _(
        "Folders in which the application itself keeps PHP: website_profile_facts, writable, code "
        "(docs/how-to/site-facts.md)."
    )


VERB = Verb(
    name="baseline",
    phase=Phase.PREPARE,
    websites=Websites.EACH,
    summary=N_("Record and sign the known-good state of a host"),
    description=N_(
        "Files of the website, configuration, programs, packages, accounts, SSH keys, units, scheduled work, "
        "listeners, setuid files, and the application's administrators. Nothing is written on the host. A host that "
        "shows signs of an intruder is refused, and one that has an open case and was not released. Take a new one "
        "after harden, patch and each approved change."
    ),
    playbook="baseline",
    options=(
        Option(
            "--accept",
            N_("Id of a finding that a person calls a false alarm; may be given again"),
            multiple=True,
            metavar="ID",
        ),
        Option("--owner", N_("Who answers for that")),
        Option("--until", N_("Last day on which that holds, ISO 8601"), metavar="DAY"),
        Option(
            "--archive",
            N_("Renew it for exactly the files of this release, which people put in place (zip or tar)"),
            kind="path",
            metavar="ARCHIVE",
        ),
        Option("--sha256", N_("SHA-256 that the archive must have, as its publisher states it"), metavar="HEX"),
    ),
    variables=_variables,
    check=_check,
    preflight=_preflight,
    before=_before,
    after=_after,
    deadline=600.0,
    examples=("ungcuu baseline web01", "ungcuu baseline web01 --archive wordpress-6.8.3.zip --sha256 HEX"),
)
