"""``ungcuu verify HOST``: run the roles' own tests on a host."""

from __future__ import annotations

from ungcuu.core.errors import NotVerified
from ungcuu.core.i18n import N_, _, ngettext
from ungcuu.run.verb import Context, Option, Phase, Result, Verb, Websites

WORDS = {
    "passed": N_("passed"),
    "failed": N_("failed"),
    "skipped": N_("skipped"),
    "error": N_("not run"),
    "not assessed": N_("not assessed"),
}


def run(ctx: Context) -> Result:
    """Run the tests host by host; every result is reported, journaled and part of the document."""
    from ungcuu.prepare.verify import verify

    checks = []
    for host in ctx.hosts:
        for check in verify(ctx.settings, ctx.site, host, ctx.options["role"], progress=ctx.counted(host)):
            checks.append(check)
            ctx.record("check", check.as_data(), host)
            text = f"{_(WORDS.get(check.outcome, check.outcome)):<7} {host} · {check.role} · {check.name}"
            ctx.out.line(text, "" if check.ok else "bad")
            if not check.ok:
                ctx.out.block(f"        {check.why}\n        {check.message}")
    bad = [check for check in checks if not check.ok]
    left = sum(check.outcome == "skipped" for check in checks)  # what was not looked at has not passed
    passed = len(checks) - len(bad) - left
    data = {
        "checks": [check.as_data() for check in checks],
        "passed": passed,
        "failed": len(bad),
        "skipped": left,
    }
    if bad:
        message = ngettext("{count} of {all} checks failed.", "{count} of {all} checks failed.", len(bad))
        return Result(NotVerified.outcome, message.format(count=len(bad), all=len(checks)), data, NotVerified.code)
    if not checks:
        return Result(message=_("No role that the playbooks give to this host has tests."), data=data)
    message = _("{passed} checks passed, {skipped} skipped.").format(passed=passed, skipped=left)
    return Result(message=message, data=data)


VERB = Verb(
    name="verify",
    phase=Phase.PREPARE,
    websites=Websites.FIRST,
    summary=N_("Run the roles' own tests on a host"),
    description=N_(
        "The same tests that Molecule runs on disposable hosts, over SSH on a real one. Without --role: those of "
        "every role that harden and backup give to the host."
    ),
    read_only=True,
    takes_lock=False,
    options=(Option("--role", N_("Only this role's tests; may be given again."), metavar="ROLE", multiple=True),),
    run=run,
    steps_before=(N_("Reach the host with its pinned key"), N_("Run the tests of each role and record every result")),
    examples=("ungcuu verify web01", "ungcuu verify web01 --role isolation"),
)
