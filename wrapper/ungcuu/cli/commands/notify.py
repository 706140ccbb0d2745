"""`notify`: try the addresses to which the watch sends its alerts."""

from __future__ import annotations

from ungcuu.core.errors import Exit, Outcome, Refused
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Phase, Result, Verb


def _preflight(context: Context) -> None:
    """Refuse facts of the wrong form, and hosts without an address: a test of nothing would say that all is well."""
    from ungcuu.hosts import website_facts

    website_facts.require(context.site, context.hosts, "notify")
    missing = [host for host in context.hosts if not context.site.variables(host).get("watch_targets")]
    if missing:
        raise Refused(
            _("Nobody is notified of what happens on {hosts}: the inventory has no watch_targets.").format(
                hosts=", ".join(missing)
            ),
            _("Nothing was sent."),
            website_facts.where_to_fix(context.site),
        )


def _test(context: Context) -> Result:
    """Send a trial to each address, and say which took it."""
    from ungcuu.core.i18n import in_language
    from ungcuu.watch.alerts import TIERS
    from ungcuu.watch.choices import from_facts
    from ungcuu.watch.delivery import send
    from ungcuu.watch.message import trial

    rows = []
    for host in context.hosts:
        choices = from_facts(context.site.variables(host))
        for tier in TIERS:
            for number, address in enumerate(choices.of_tier(tier), 1):
                with in_language(choices.language):
                    message = trial(host, number)
                delivery = send(address, message)
                row = {"host": host, "address": f"{tier}/{number}", "kind_of_address": delivery.kind}
                rows.append(row | {"delivered": delivery.ok, "why": delivery.why})
                context.record("notification", {"do": "trial", **rows[-1]}, host)
                word = _("delivered") if delivery.ok else _("NOT delivered: {why}").format(why=delivery.words)
                context.out.line(
                    f"{host} · {row['address']} · {delivery.kind}: {word}", "good" if delivery.ok else "bad"
                )
    failed = sum(not row["delivered"] for row in rows)
    message_text = _("{count} of {all} addresses took the trial").format(count=len(rows) - failed, all=len(rows))
    return Result(
        Outcome.NOT_DONE if failed else Outcome.DONE,
        message_text,
        {"notifications": rows},
        Exit.NOT_DONE if failed else None,
    )


VERB = Verb(
    name="notify",
    phase=Phase.DETECT,
    summary=N_("Try the addresses that alerts are sent to"),
    hosts=Hosts.NONE,
    verbs=(
        Verb(
            name="test",
            phase=Phase.DETECT,
            summary=N_("Send a trial message to each address of a host's watch"),
            description=N_(
                "Addresses are the facts watch_targets and watch_deputy_targets. Delivered means that its own "
                "server took the message; whether a person read it, only the person can say."
            ),
            read_only=True,
            takes_lock=False,
            hosts=Hosts.MANY,
            preflight=_preflight,
            run=_test,
            steps_before=(N_("Send a trial to each address, and say which took it"),),
            examples=("ungcuu notify test web01",),
        ),
    ),
)
