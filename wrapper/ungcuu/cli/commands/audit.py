"""``ungcuu audit HOST``: check every control of the catalogue and change nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ungcuu.core.errors import Exit
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.prepare.audit import Audit
    from ungcuu.prepare.components import Parts
    from ungcuu.prepare.verify import Check

_STATUSES = (N_("pass"), N_("fail"), N_("not assessed"), N_("waived"), N_("not applicable"), N_("off"))
_STYLES = {"fail": "bad", "not assessed": "warn", "waived": "warn"}


@contextmanager
def _every_control() -> Iterator[None]:
    """Let the tests look at controls that are only audited, too (roles/conftest.py)."""
    os.environ["UNGCUU_AUDIT"] = "1"
    try:
        yield
    finally:
        del os.environ["UNGCUU_AUDIT"]


def run(ctx: Context) -> Result:
    """Audit host by host; the documents go to the host's folder of the state."""
    from ungcuu.core.signing import fingerprint, public_key
    from ungcuu.prepare import audit, controls
    from ungcuu.report import audit_page, oscal

    catalogue = controls.load(ctx.settings.roles)
    roles = tuple(dict.fromkeys(control.role for control in catalogue))
    done = []
    for host in ctx.hosts:
        checks = _checks(ctx, host, roles)
        folder = ctx.settings.host_dir(ctx.name_of(host))
        found = audit.audit_host(ctx.name_of(host), ctx.site.variables(host), catalogue, checks, folder)
        if host in ctx.site.groups.get("website", ()):
            found = replace(found, application=_application(ctx, host))
        _document, page = audit_page.keep(found, folder)
        oscal.keep(found, catalogue, fingerprint(public_key(ctx.settings.keys)), folder)
        _show(ctx, found)
        ctx.out.line(_("Report: {path}").format(path=page))
        ctx.record(
            "audit",
            {"score": found.score, "of": found.denominator, "failed": _ids(found, audit.FAIL)}
            | {"not assessed": _ids(found, audit.NOT_ASSESSED)}
            | ({"vulnerable": [part.name for part in found.application.affected()]} if found.application else {}),
            host,
        )
        done.append(found)
    failed = sum(found.count(audit.FAIL) for found in done)
    unassessed = sum(found.count(audit.NOT_ASSESSED) for found in done)
    data = {"audits": [found.as_data() for found in done]}
    said = [_("{count} controls failed.").format(count=failed)] if failed else []
    said += [_("{count} controls were not assessed.").format(count=unassessed)] if unassessed else []
    holes = sum(len(found.application.affected()) for found in done if found.application)
    said += [_("{count} parts of the application have known vulnerabilities.").format(count=holes)] if holes else []
    if said:
        return Result(message=" ".join(said), data=data, code=Exit.FOUND)
    return Result(message=_("Every control that applies holds, or is waived."), data=data)


def _checks(ctx: Context, host: str, roles: Sequence[str]) -> tuple[Check, ...]:
    """Run the tests. What they say of the host alone is asked once in a command about several websites of it."""
    from ungcuu.prepare.hardening import of_host_alone
    from ungcuu.prepare.verify import verify

    known: tuple[Check, ...] = ctx.shared.get(host, ())
    left = {check.role for check in known}
    with _every_control():
        checks = verify(
            ctx.settings, ctx.site, host, [role for role in roles if role not in left], progress=ctx.counted(host)
        )
    if ctx.website and not known:
        alone = of_host_alone(ctx.settings, roles)
        ctx.shared[host] = tuple(check for check in checks if check.role in alone)
    return (*known, *checks)


def _application(ctx: Context, host: str) -> Parts:
    """Read which parts the website's application has."""
    from ungcuu.prepare import components

    ctx.doing(_("Read the versions of the application's parts"), host=host)
    return components.read(ctx.target(host), ctx.site.variables(host), ctx.site.inventory)


def _ids(found: Audit, status: str) -> list[str]:
    return [row.id for row in found.rows if row.status == status]


def _show(ctx: Context, found: Audit) -> None:
    """Say what does not hold, what is waived and what changed; the report holds the rest."""
    for row in found.rows:
        if row.status in _STYLES:
            ctx.out.line(f"{_(row.status):<8} {found.host} · {row.id} · {row.title}", _STYLES[row.status])
            ctx.out.block(f"         {row.detail}")
    for change in found.drift:
        text = _("{control}: was {before}, is {now}")
        ctx.out.line(text.format(control=change["id"], before=_(change["before"]), now=_(change["now"])), "warn")
    if found.application:
        show_parts(ctx, found.host, found.application)
    text = _("{host}: {passed} of {all} controls that apply hold ({score} %).")
    ctx.out.line(text.format(host=found.host, passed=found.count("pass"), all=found.denominator, score=found.score))


def show_parts(ctx: Context, host: str, parts: Parts) -> None:
    """Show the application's parts with what is known of them, the advisories' age, and what was not looked at."""
    ctx.out.line(_("{host}: parts of the application; {advisories}").format(host=host, advisories=parts.advisories))
    holed = parts.affected()
    for part in parts.parts:
        row = part.row()
        text = f"  {row['part']} {row['version']} · {row['package']} · {row['vulnerabilities']}"
        ctx.out.line(text, "bad" if part in holed else "")
    for text in parts.left:
        ctx.out.line(_("  not looked at: {what}").format(what=text), "warn")


VERB = Verb(
    name="audit",
    phase=Phase.PREPARE,
    websites=Websites.EACH,
    summary=N_("Check every control of the catalogue on a host, and change nothing"),
    description=N_(
        "Each control passes, fails, does not apply or is waived (controls_waivers in the inventory: control, owner, "
        "reason, expires; an expired waiver fails), "
        "or is not assessed where the inventory lacks its fact. Leaves an HTML report, JSON and OSCAL assessment "
        "results in the host's folder of the state "
        "and shows what changed since the audit before. Lists the parts of the website's application with their "
        "versions and known vulnerabilities, by the advisories that website_advisories names."
    ),
    read_only=True,
    takes_lock=False,
    run=run,
    steps_before=(
        N_("Run the check of every control against the running host"),
        N_("Judge the results with the site's waivers"),
        N_("Read the versions of the application's parts, and compare them with the site's advisories"),
        N_("Compare with the audit before and write the report"),
    ),
    examples=("ungcuu audit web01", "ungcuu audit web01 --json"),
)
