"""`rebuild`: make a replaced host the website again, from the vault and the inventory alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Proof, Side, phrase
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def _variables(options: Mapping[str, Any]) -> Mapping[str, object]:
    return {"website_restore_at": options["at"]}


def _after(context: Context, result: RunResult) -> Result | None:
    """Report the recovery time: from the first task to the page that is right again."""
    from ungcuu.core.check_phrases import Check
    from ungcuu.core.errors import Outcome

    if result.outcome is not Outcome.DONE:
        return None
    seconds = round(result.seconds, 1)
    detail = phrase(Check.SECONDS, seconds=seconds)
    proof = {"name": str(Proof.RECOVERY_TIME), "side": str(Side.HOST), "passed": True, "detail": detail}
    context.record("proof", proof)
    _settle_root_loss(context)
    message = _("{host} serves the website again after {seconds} s. Next: ungcuu harden {host}, ungcuu baseline {host}")
    return Result(message=message.format(host=context.host, seconds=seconds), data={"rto_seconds": seconds})


def _settle_root_loss(context: Context) -> None:
    """Another machine in the host's place ends the loss of root; the same one does not."""
    from ungcuu.detect import root_loss

    before = root_loss.standing(context.settings.state, context.host)
    if before is None:
        return
    if root_loss.rebuilt(context.settings.state, context.target()) is None:
        context.record("root_regained", {"how": "rebuilt", "since": before.since})
        return
    context.out.line(
        _("{host} still has the host key of the machine whose root was lost: it was not replaced.").format(
            host=context.host
        ),
        "bad",
    )
    context.out.line(
        _("Reinstall it from clean media, then: ungcuu enrol {host}, ungcuu rebuild {host}").format(host=context.host),
        "bad",
    )


VERB = Verb(
    name="rebuild",
    phase=Phase.RECOVER,
    websites=Websites.NONE,
    summary=N_("Rebuild the website on a replaced, bare host from the vault"),
    description=N_(
        "For a host with a new key and an empty disk: enrol it first. Web server, PHP and database are installed as "
        "they were, the website's account is made, and the restore point is restored with every check of `restore`."
    ),
    playbook="rebuild",
    dangerous=True,
    hosts=Hosts.ONE,
    options=(Option("--at", N_("restore point: id, time in UTC, or latest"), default="latest", metavar="ID|TIME"),),
    variables=_variables,
    after=_after,
    deadline=6 * 3600.0,
    examples=("ungcuu enrol web01", "ungcuu rebuild web01"),
)
