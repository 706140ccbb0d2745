"""`release`: return isolated hosts to service, behind the gate of a clean re-assessment."""

from __future__ import annotations

from collections.abc import Mapping

from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Option, Phase, Verb


def _check(context: Context) -> None:
    """Refuse a reason that says nothing."""
    from ungcuu.detect.root_loss import is_reason

    given = context.options.get("root_lost_override")
    if given is not None and not is_reason(str(given)):
        raise UsageFault(
            _("--root-lost-override needs a reason that somebody else can judge."), _("Nothing was touched."), ""
        )


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the role's variables for these options."""
    given = options.get("root_lost_override")
    return {"isolation_root_lost_override": str(given)} if given else {}


def _before(context: Context) -> Mapping[str, object] | None:
    """Record the override where root was lost: every document of the case shows it."""
    from ungcuu.detect import root_loss

    reason = context.options.get("root_lost_override")
    for host in context.hosts if reason else ():
        loss = root_loss.standing(context.settings.state, host)
        if loss is not None:
            override = {"reason": str(reason), "by": context.settings.operator, "findings": list(loss.findings[:10])}
            context.record("root_lost_override", override, host)
            context.out.line(_("{host}: released although {why}").format(host=host, why=loss.sentence()), "bad")
    return None


def _gate(context: Context) -> None:
    """Say every reason before anything is asked of the host; the playbook checks the same again."""
    from datetime import UTC, datetime

    from ungcuu.contain import isolation_state
    from ungcuu.hosts import websites

    for host in context.hosts:
        override = str(context.options.get("root_lost_override") or "")
        folder = context.settings.host_dir(host)
        names = [website.name for website in websites.of_host(context.site, host)]
        against = isolation_state.against_release(folder, host, datetime.now(UTC), override, names)
        if against:
            lost = against[0].startswith("root was lost")
            raise Refused(
                _("{host} can't be released: {reasons}.").format(host=host, reasons="; ".join(against)),
                _("Nothing was touched; the host is as isolated as before."),
                f"ungcuu rebuild {host}" if lost else f"ungcuu reassess {host}",
            )


def _plan_details(context: Context) -> Mapping[str, object]:
    """Ask the hosts what a run would change, once nothing speaks against it; nothing is changed."""
    from ungcuu.run import foretold

    return foretold.changes(context, _variables(context.options))


VERB = Verb(
    name="release",
    phase=Phase.RECOVER,
    summary=N_("Return isolated hosts to service, after a clean re-assessment"),
    description=N_(
        "Refused without a re-assessment that is clean, states that the way in is closed, and is newer than the "
        "isolation; refused where root was lost, until the host was rebuilt on another machine. Lifts the rules, "
        "starts the site's services, and proves from outside that the site serves."
    ),
    playbook="release",
    dangerous=True,
    options=(
        Option(
            "--root-lost-override",
            N_("Release although root was lost and the host was not rebuilt; every document shows this reason in red"),
            metavar="REASON",
        ),
    ),
    check=_check,
    variables=_variables,
    plan_details=_plan_details,
    before=_before,
    preflight=_gate,
    inverse="ungcuu isolate {host}",
    examples=("ungcuu release web01 --reason 'restored and re-assessed'",),
)
