"""`watch deployment`: announce that people are about to change a website themselves."""

from __future__ import annotations

from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb

_MOST = 480


def _check(context: Context) -> None:
    """Refuse a time that would switch the watch off."""
    if not 1 <= context.options["minutes"] <= _MOST:
        raise UsageFault(
            _("--minutes has to be 1 to {most}.").format(most=_MOST),
            _("Nothing was recorded."),
            "ungcuu watch deployment HOST --minutes 60 --reason '…'",
        )


def _preflight(context: Context) -> None:
    """Refuse an announcement that nobody could explain later."""
    if not context.reason:
        raise Refused(
            _("A deployment needs a reason: what is put in place, and by whom."),
            _("Nothing was recorded."),
            f"ungcuu watch deployment {context.host} --reason '…'",
        )


def _run(context: Context) -> Result:
    """Journal it: the rounds read it there."""
    from datetime import UTC, datetime, timedelta

    from ungcuu.core.clock import format_time

    until = format_time(datetime.now(UTC) + timedelta(minutes=context.options["minutes"]))
    about = {"by": context.settings.operator, "reason": context.reason, "until": until}
    context.record("deployment", about, context.host)
    message = _(
        "{host}: changes of files below the website's folder are listed until {until}; what is critical goes out"
    )
    return Result(message=message.format(host=context.host, until=until), data={"until": until})


VERB = Verb(
    name="deployment",
    phase=Phase.DETECT,
    summary=N_("Announce that people change the website themselves: it is listed, not alarmed"),
    description=N_(
        "What changes below website_root in this time is explained: medium and low findings, and high ones that say "
        "no more than that a file is new or changed. What is critical always goes out, code that looks malicious among "
        "it. Nothing becomes known-good: that is what baseline does."
    ),
    read_only=True,
    takes_lock=False,
    hosts=Hosts.ONE,
    options=(Option("--minutes", N_("how long it takes, 1 to 480"), kind="int", default=60, metavar="N"),),
    check=_check,
    preflight=_preflight,
    run=_run,
    steps_before=(N_("Journal who changes the website, why, and until when"),),
    examples=("ungcuu watch deployment web01 --minutes 30 --reason 'new theme, by Mr An'",),
)
