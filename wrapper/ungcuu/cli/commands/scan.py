"""``ungcuu scan HOST``: compare a host with its signed baseline; ``scan --tree FOLDER``: judge files that lie here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ungcuu.core.errors import Exit, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.detect.grouping import Group
    from ungcuu.run.tally import RunResult

_STYLES = {"critical": "bad", "high": "bad", "medium": "warn"}
_SHOWN = 60
_ACCEPTED = ("owner", "until", "severity", "rule", "path", "id")


def _check(ctx: Context) -> None:
    if ctx.options.get("tree") or ctx.options.get("known_good"):
        raise UsageFault(
            _("--tree and --known-good judge a folder of this machine: no host is named with them."),
            _("Nothing was touched."),
            "ungcuu scan --help",
        )


def _check_tree(ctx: Context) -> None:
    if not ctx.options.get("tree"):
        raise UsageFault(
            _("scan needs a host, or a folder of this machine."),
            _("Nothing was touched."),
            "ungcuu scan HOST; ungcuu scan --tree FOLDER",
        )


def _judge_tree(ctx: Context) -> Result:
    """Judge a folder, and show each file that a person should look at, worst first."""
    from pathlib import Path

    from ungcuu.detect import known_good
    from ungcuu.detect.content import tree

    lists = [tree.read_sums(Path(name)) for name in ctx.options.get("known_good") or ()]
    known = known_good.sums(ctx.settings.state).union(*lists)
    found = tree.judge_tree(Path(ctx.options["tree"]), known)
    data = found.document()
    for row in data["findings"][:_SHOWN]:
        ctx.out.line(f"{row['severity']:<8} {row['score']:>3} {row['path']}", _STYLES.get(row["severity"], ""))
        for reason in row["reasons"]:
            ctx.out.line(f"             {reason}", "quiet", limit=200)
    if len(data["findings"]) > _SHOWN:
        more = len(data["findings"]) - _SHOWN
        ctx.out.line(_("… and {count} more in {file}").format(count=more, file="--json"))
    for path, why in found.unread[:_SHOWN]:
        ctx.out.line(_("not judged: {path}: {why}").format(path=path, why=why), "warn")
    message = _(
        "{files} files judged, {known} of them known as good: {detected} detected, {doubtful} to look at"
    ).format(
        files=found.files, known=found.known, detected=found.detected, doubtful=len(found.findings) - found.detected
    )
    if found.unread:
        message += "; " + _("{count} could not be judged").format(count=len(found.unread))
    return Result(message=message, data=data, code=Exit.FOUND if found.findings or found.unread else None)


def _preflight(ctx: Context) -> None:
    """Refuse a baseline that somebody changed before the host is touched."""
    from ungcuu.detect.baseline import check_signature

    check_signature(ctx.settings.state, ctx.names)


def _before(ctx: Context) -> None:
    """Look from outside whether isolated hosts still are, before anything is asked of them."""
    from ungcuu.run import isolation_watch

    found = isolation_watch.check_all(ctx, ctx.hosts, lambda _host: False)
    for one in found:
        ctx.record("outside", one.look.as_data(), one.host)
    isolation_watch.report(ctx, found)


def _lost(ctx: Context) -> str:
    """Return what is wrong with the isolation of hosts, as seen from outside before the scan; empty for nothing."""
    seen = {str(row.get("host")): row["data"] for row in ctx.records if row.get("kind") == "outside"}
    lost = [host for host, data in seen.items() if isinstance(data, Mapping) and data.get("state") == "open"]
    return _("Isolation LOST: {hosts}.").format(hosts=", ".join(lost)) if lost else ""


def _after(ctx: Context, result: RunResult) -> Result | None:
    """Show each finding, worst first; a scan that found something ends with a code of its own."""
    scans = result.data_of("scan")
    if not scans:
        return None
    findings = result.data_of("finding")
    _show_findings(ctx, scans, findings)
    counts = Counter[str]()
    for row in scans:
        found = row.get("counts")
        counts.update({name: int(count) for name, count in found.items()} if isinstance(found, Mapping) else {})
    for row in scans:
        show_accepted(ctx, row.get("host"), row)
        ctx.out.line(_checked_line(row), "quiet")
        show_unread(ctx, row.get("host"), row.get("checked"))
        _show_neighbours(ctx)
        if row.get("root_lost"):
            ctx.out.line(
                _(
                    "{host}: root was lost. What a scan no longer finds may be hidden: the way back is ungcuu rebuild"
                ).format(host=row.get("host")),
                "bad",
            )
    clean = all(row.get("clean") is True for row in scans)
    data = {"clean": clean, "scans": [dict(row) for row in scans], "findings": [dict(row) for row in findings]}
    lost = _lost(ctx)
    if clean:
        nothing = _("Nothing was found that should not be there.") + _excused(scans)
        return Result(message=f"{lost} {nothing}".strip(), data=data, code=Exit.FOUND if lost else None)
    text = ", ".join(f"{counts[name]} {name}" for name in ("critical", "high", "medium", "low") if counts[name])
    message = f"{lost} " + _("Found: {counts}").format(counts=text) + _excused(scans)
    return Result(message=message.strip(), data=data, code=Exit.FOUND)


def _excused(scans: Sequence[Mapping[str, object]]) -> str:
    """Say how many findings did not count: "nothing was found" would be false without it."""
    rows = [row.get("accepted") for row in scans]
    count = sum(len(one) for one in rows if isinstance(one, list | tuple))
    return " " + _("Accepted by a person, and not counted: {count}.").format(count=count) if count else ""


def show_accepted(ctx: Context, host: object, row: Mapping[str, object]) -> None:
    """List what a person accepted, with who answers for it and until when; what is critical in red."""
    rows = row.get("accepted")
    known = [one for one in rows if isinstance(one, Mapping)] if isinstance(rows, list | tuple) else []
    for one in known[:_SHOWN]:
        words = _("{host}: accepted by {owner} until {until}: {severity} {rule}: {path} ({id})")
        text = words.format(host=host, **{name: str(one.get(name) or "–") for name in _ACCEPTED})
        ctx.out.line(text, "bad" if one.get("severity") == "critical" else "warn")
    if len(known) > _SHOWN:
        ctx.out.line(_("… and {count} more in {file}").format(count=len(known) - _SHOWN, file="findings.json"))


def _show_findings(
    ctx: Context, scans: Sequence[Mapping[str, object]], reported: Sequence[Mapping[str, object]]
) -> None:
    """Show all findings, those of one rule together where they are many; a run's records hold the first ones alone."""
    from ungcuu.detect.grouping import grouped
    from ungcuu.detect.scan import last_scan

    rows: list[Mapping[str, object]] = []
    for row in scans:
        kept = last_scan(ctx.settings.state, str(row.get("host")))
        whole = kept.get("findings") if kept.get("time") == row.get("time") else None
        rows += whole or [one for one in reported if one.get("host") == row.get("host")]
    groups = grouped(rows)
    for group in groups[:_SHOWN]:
        _show_group(ctx, group)
    if more := sum(len(group.rows) for group in groups[_SHOWN:]):
        ctx.out.line(_("… and {count} more in {file}").format(count=more, file="findings.json"))


def _show_group(ctx: Context, group: Group) -> None:
    from ungcuu.core.sentences import shown

    row = group.first
    begin = f"{row.get('severity'):<8} {row.get('host')} · {_(str(row.get('title')))}"
    style = _STYLES.get(str(row.get("severity")), "")
    if len(group.rows) == 1:
        ctx.out.line(f"{begin}: {row.get('path')}", style)
        ctx.out.line(
            f"         {row.get('id')} · {row.get('rule')} · {shown(row.get('seen') or '')}", "quiet", limit=200
        )
        return
    below = _("{count} below {folder}").format(count=len(group.rows), folder=group.folder)
    ctx.out.line(f"{begin}: {below}", style)
    places = [f"{name} {count}" for name, count in group.places] + ([f"… {group.others}"] if group.others else [])
    ctx.out.line(f"         {' · '.join([str(row.get('rule')), *places])}", "quiet", limit=200)
    ctx.out.line("         " + _("each with its id: {file}").format(file="findings.json"), "quiet")


def _show_neighbours(ctx: Context) -> None:
    """Say which websites of the host have a scan of their own, in one that is about a single website."""
    known = ctx.site.variables(ctx.host).get("websites") if ctx.website else None
    others = [f"{ctx.host}/{one['name']}" for one in known or () if one["name"] != ctx.website]
    if others:
        text = _("{host}: not looked at: the files of {names}, which have scans of their own")
        ctx.out.line(text.format(host=ctx.names[0], names=", ".join(others)), "quiet")


def show_unread(ctx: Context, host: object, checked: object) -> None:
    """Say what of the application's data was not looked at: an administrator there would not have been seen."""
    from ungcuu.detect.coverage import sentences

    known = checked.get("application") if isinstance(checked, Mapping) else None
    unread = known.get("unread") if isinstance(known, Mapping) else None
    for line in sentences(unread) if isinstance(unread, Mapping) else []:
        ctx.out.line(_("{host}: not looked at: {what}").format(host=host, what=line), "warn")


def _checked_line(row: Mapping[str, object]) -> str:
    """Say against what the host's word was checked: "nothing was found" is worth no more than that."""
    checked = row.get("checked")
    known = checked if isinstance(checked, Mapping) else {}
    second, packages = (known.get(name) or {} for name in ("second_reader", "packages"))
    source = _("the signed packages") if packages.get("source") == "signed index" else _("the baseline")
    text = _("{host}: a second reader confirmed {count} entries; package files were compared with {source}.")
    text = text.format(host=row.get("host"), count=second.get("compared", 0), source=source)
    if files := known.get("files"):
        count = _("{read} files were read, of at most {most} that are plausible.")
        text = f"{text} {count.format(read=files.get('read'), most=files.get('most'))}"
    if compiled := known.get("compiled"):
        made = _("{count} files that the application made again since the baseline were judged by their content alone.")
        text = f"{text} {made.format(count=compiled)}"
    if known.get("content"):
        short = _("New code was judged by short rules alone: {library} is not installed beside Ansible.")
        text = f"{text} {short.format(library=known['content'])}"
    return f"{text} {_backup_compared(known.get('vault') or {})}"


def _backup_compared(vault: Mapping[str, object]) -> str:
    """Say what the vault's own view of the website added."""
    from ungcuu.core.sentences import shown

    if vault.get("why"):
        return _("No backup was compared: {why}.").format(why=shown(vault["why"]))
    if not vault.get("compared"):
        return _("The backup of {time} holds no file that is unchanged since.").format(time=vault.get("time"))
    return _("{count} files unchanged since the backup of {time} were compared with it.").format(
        count=vault["compared"], time=vault.get("time")
    )


_TREE = Verb(
    name="scan",
    phase=Phase.DETECT,
    summary=N_("Judge the files of a folder by their content"),
    hosts=Hosts.NONE,
    read_only=True,
    journaled=False,
    check=_check_tree,
    steps_before=(N_("Judge each file of the folder by rules, structure and model"),),
    run=_judge_tree,
)

VERB = Verb(
    name="scan",
    phase=Phase.DETECT,
    websites=Websites.EACH,
    summary=N_("Compare a host with its signed baseline and look for an intruder's traces"),
    description=N_(
        "One program over one SSH connection reads the host's state and writes nothing there. Files, accounts, keys, "
        "scheduled work, units, listeners, privileges, processes and the application's database are compared; writable "
        "folders are judged by the content of their files. Each finding has a severity, its evidence, and its fix. "
        "Exit code 13 says that something of severity medium or above was found. With --tree and without a host, the "
        "files of a folder on this machine are judged by their content: nothing is asked of a host, and nothing is run."
    ),
    playbook="scan",
    read_only=True,
    takes_lock=False,
    preflight=_preflight,
    before=_before,
    after=_after,
    check=_check,
    each_alone=True,
    deadline=1800.0,
    options=(
        Option("--tree", N_("Folder of this machine whose files are judged"), kind="path", metavar="FOLDER"),
        Option(
            "--known-good",
            N_("List of SHA-256 sums, as sha256sum writes it: files with these sums are not judged"),
            kind="path",
            metavar="LIST",
            multiple=True,
        ),
    ),
    without_host=_TREE,
    examples=(
        "ungcuu scan web01",
        "ungcuu scan website",
        "ungcuu scan web01 --case UC-20260101-001 --json",
        "ungcuu scan --tree /srv/copy-of-the-website --json",
    ),
)
