"""``ungcuu harden HOST``: bring a website host to the site's controls, keep it working, and check what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ungcuu.cli.options import VIA
from ungcuu.core.errors import NotVerified, Outcome
from ungcuu.core.i18n import N_, _, ngettext
from ungcuu.run.verb import Context, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


_ACCEPTED = "website_probe_accept_failing"
_SHOWN = 5  # keys of one thing that was not set


def variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Overrides of controls, as in the inventory's ``controls_states``, and trials that may fail before."""
    given = {**dict.fromkeys(_names(options["audit_only"]), "audit"), **dict.fromkeys(_names(options["off"]), "off")}
    accepted = list(_names(options["accept_failing"]))
    return ({"controls_states": given} if given else {}) | ({_ACCEPTED: accepted} if accepted else {})


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, (list, tuple)) else ()


def after(ctx: Context, result: RunResult) -> Result | None:
    """Run the roles' own tests on hosts that were hardened: a change is done when the host says so."""
    if result.outcome is Outcome.DONE:
        _keep_cards(ctx)
    if result.outcome is not Outcome.DONE or ctx.options["no_verify"]:
        return None
    from ungcuu.prepare.hardening import PLAYBOOK, tested_roles
    from ungcuu.prepare.verify import verify

    roles = tested_roles(ctx.settings, ctx.verb.playbook or PLAYBOOK)
    checks = [
        check for host in ctx.hosts for check in verify(ctx.settings, ctx.site, host, roles, progress=ctx.counted(host))
    ]
    bad = [check for check in checks if not check.ok]
    for check in checks:
        ctx.record("check", check.as_data(), check.host)
    for check in bad:
        ctx.out.line(f"failed  {check.host} · {check.role} · {check.name}", "bad")
        ctx.out.block(f"        {check.why}\n        {check.message}")
    changes = [dict(data) for data in result.data_of("change")]
    skipped = _not_set(result.data_of("skip"))
    for text in skipped:
        ctx.out.line(text, "warn")
    left = sum(check.outcome == "skipped" for check in checks)  # what was not looked at has not passed
    passed = len(checks) - len(bad) - left
    data = {"changes": changes, "passed": passed, "failed": len(bad), "skipped": left, "not set": skipped}
    if bad:
        _mark_failed(ctx, {check.host for check in bad})
        message = ngettext("{count} of {all} checks failed.", "{count} of {all} checks failed.", len(bad))
        return Result(NotVerified.outcome, message.format(count=len(bad), all=len(checks)), data, NotVerified.code)
    message = _("Files, packages and settings changed: {changes}; {passed} checks passed, {skipped} skipped.").format(
        changes=len(changes), passed=passed, skipped=left
    )
    return Result(message=message, data=data)


def _mark_failed(ctx: Context, hosts: Collection[str]) -> None:
    """Note on which hosts a test failed: the playbook was done on all of them."""
    for host, result in ctx.host_results.items():
        if host in hosts or ctx.name_of(host) in hosts:
            ctx.host_results[host] = replace(result, outcome=NotVerified.outcome, problem="failed")


def _not_set(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """What was left alone, each with its reason, in the reader's language."""
    from ungcuu.core.sentences import shown

    found = []
    for row in rows:
        keys = _names(row.get("keys"))
        more = ", ".join(keys[:_SHOWN]) + (f" … ({len(keys)})" if len(keys) > _SHOWN else "")
        parts = (", ".join(_names(row.get("controls"))), shown(row.get("reason") or ""), more)
        found.append(": ".join(part for part in parts if part))
    return list(dict.fromkeys(found))


def _keep_cards(ctx: Context) -> None:
    """Make the containment cards again, so that isolate acts on what the hosts are now."""
    from ungcuu.contain import allowlist, card
    from ungcuu.hosts import ssh

    for host in ctx.hosts:
        try:
            card.refresh(ctx.site, host)
        except (OSError, allowlist.Unresolved, ssh.HostKeyRefused) as error:
            message = _("The containment card of {host} could not be made: {error}").format(host=host, error=error)
            ctx.out.line(message, "warn")


def plan_details(ctx: Context) -> Mapping[str, object]:
    """Ask the hosts, item by item, what a run would change and what it would leave alone; nothing is changed."""
    from ungcuu.run import foretold

    asked = foretold.ask(ctx, variables(ctx.options))
    skipped = _not_set(asked.result.data_of("skip"))
    return asked.details(whole=bool(ctx.settings.verbosity)) | ({N_("not set"): skipped} if skipped else {})


VERB = Verb(
    name="harden",
    phase=Phase.PREPARE,
    websites=Websites.WHOLE,
    website_playbook="harden_website",
    summary=N_("Harden a website host, keeping the site and the way in working"),
    description=N_(
        "Sets the controls of the catalogue (docs/reference/controls.md) that the site enforces. Changes to sshd, "
        "PAM and the firewall are reverted by the host itself unless a new login works. The website and its neighbours "
        "on the host are tried before and after; a control that breaks one is reverted. --plan lists every file "
        "and package that would change."
    ),
    playbook="harden",
    options=(
        Option(
            "--audit-only",
            N_("Only check this control this time; may be given again."),
            metavar="CONTROL",
            multiple=True,
        ),
        Option(
            "--off", N_("Leave this control alone this time; may be given again."), metavar="CONTROL", multiple=True
        ),
        Option(
            "--accept-failing",
            N_("Go on although this trial of the website fails already; may be given again."),
            metavar="TRIAL",
            multiple=True,
        ),
        Option("--no-verify", N_("Do not run the tests afterwards."), kind="flag"),
        VIA,
    ),
    variables=variables,
    after=after,
    plan_details=plan_details,
    steps_after=(N_("Run the roles' own tests on the host"),),
    examples=("ungcuu harden web01 --plan", "ungcuu harden web01", "ungcuu audit web01"),
)
