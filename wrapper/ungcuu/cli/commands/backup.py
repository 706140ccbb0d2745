"""`backup`: have the vault take a restore point of web root, configuration and database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli.options import VIA
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Exit, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def _after(context: Context, _result: RunResult) -> Result | None:
    """Name the points that were made, and how they were judged; a failed run keeps its own result.

    A point that is not whole or suspect was made all the same: DONE, with the exit code that says something was found.
    """
    from ungcuu.recover.restore_points import newest

    made = [record["data"] for record in context.records if record["kind"] == "restore_point"]
    if len(made) < len(context.hosts):
        return None
    known = {host: newest(context.settings.host_dir(context.name_of(host))) for host in context.hosts}
    points, lines = [point for point in known.values() if point], []
    for host, point in known.items():
        if point is None:
            continue
        name = context.name_of(host)
        said = _("{host}: restore point {point}, {files} files, {size} MiB").format(
            host=name, point=point.short, files=point.files, size=round(point.bytes / 2**20)
        )
        lines += [said, *(f"  {text}" for text in point.judged())]
        if context.site.variables(host).get("website_database_engine") in (None, "", "none"):
            lines.append("  " + _("no database is saved: the inventory names none (website_database_engine)"))
        if point.doubtful:
            lines.append("  " + _("Look at the host: ungcuu scan {host}").format(host=name))
    found = any(point.doubtful for point in points)
    data: dict[str, object] = {"restore_points": [point.as_data() for point in points], "doubtful": found}
    return Result(message="\n".join(lines), data=data, code=Exit.FOUND if found else None)


VERB = Verb(
    name="backup",
    phase=Phase.PREPARE,
    websites=Websites.EACH,
    summary=N_("Save web root, configuration and database to the vault"),
    description=N_(
        "The vault connects to the host, starts the engine there and receives through the tunnel what changed. "
        "The host can add to its backups, but neither read those of others nor delete any. The vault judges each "
        "point: is it whole, and is its code as the signed baseline knows it? Exit code 13: the point was made, but it "
        "is not whole, or suspect."
    ),
    playbook="backup",
    options=(VIA,),
    after=_after,
    deadline=6 * 3600.0,
    examples=("ungcuu backup web01",),
)
