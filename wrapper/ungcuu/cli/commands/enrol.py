"""`enrol`: pin a host's key, see whether everything needed is there, and write its containment card."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ungcuu.cli.options import FINGERPRINT
from ungcuu.core.errors import HostKeyMismatch, Refused, Unreachable
from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.run.verb import Context, Hosts, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.hosts.enrolment import HostKey


def _run(context: Context) -> Result:
    from ungcuu.hosts import enrolment

    target = context.target()
    try:
        key = enrolment.fetch_key(target)
    except OSError as error:
        raise Unreachable(
            _("{host} ({address} port {port}) can't be reached: {error}").format(
                host=context.host, address=target.address, port=target.port, error=error.strerror or error
            ),
            _("Nothing was touched."),
            _("Check that the machine is up and that its SSH port is open to this controller."),
        ) from error
    known = enrolment.pinned_keys(target.known_hosts, context.host)
    if key not in known:
        _confirm(context, key, known)
    news = False
    for name in enrolment.names(target):
        news |= enrolment.pin(target.known_hosts, name, key)
    context.record(
        "change", {"what": str(Change.HOST_KEY), "host": context.host, "fingerprint": key.fingerprint, "new": news}
    )
    return _check(context, key)


def _confirm(context: Context, key: HostKey, known: list[HostKey]) -> None:
    """Have a person compare the fingerprint with what the machine itself shows."""
    host, wanted = context.host, context.options["fingerprint"]
    if wanted:
        if wanted.removeprefix("SHA256:") != key.fingerprint.removeprefix("SHA256:"):
            raise HostKeyMismatch(
                _("{host} shows {shown}, not {wanted}.").format(host=host, shown=key.fingerprint, wanted=wanted),
                _("Nothing was pinned and nothing was sent. Somebody may be in between."),
                _("Compare again on the machine's own console: {command}").format(command=_COMPARE),
            )
        return
    # Not with the key that answers: whoever pastes that has compared nothing.
    again = _("ungcuu enrol {host} --fingerprint SHA256:…   (as the console shows it)").format(host=host)
    if known:
        old = ", ".join(one.fingerprint for one in known)
        context.out.line(_("The key of {host} has CHANGED; pinned is {old}").format(host=host, old=old), "bad")
    context.out.line(_("{host} shows the {kind} key {shown}").format(host=host, kind=key.kind, shown=key.fingerprint))
    context.out.line(_("Compare on the machine's own console: {command}").format(command=_COMPARE))
    if not sys.stdin.isatty():
        raise Refused(
            _("Nobody confirmed that {shown} is the key of {host}.").format(shown=key.fingerprint, host=host),
            _("Nothing was pinned and nothing was sent."),
            again,
        )

    from ungcuu.core.asking import ask

    typed = ask(context.out, _("Is it the same? Type yes"), _("Nothing was pinned and nothing was sent."))
    if typed.lower() not in ("yes", "có"):
        raise Refused(_("The key of {host} was not confirmed.").format(host=host), _("Nothing was pinned."), again)


_COMPARE = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"


def _check(context: Context, key: HostKey) -> Result:
    """Gather everything that is missing, show it all at once, and write the card when nothing is."""
    from ungcuu.contain import card
    from ungcuu.contain.allowlist import AllowList, Unresolved, parse_address
    from ungcuu.hosts import enrolment

    host = context.host
    draft = card.build(context.site, host) if _resolves(context) else None
    rules = draft.rules_for("full", draft.allow) if draft else ""
    checks, said = enrolment.survey(context.target(), rules)
    seen = parse_address(said.get("seen", [""])[0])
    try:
        made = card.build(context.site, host, (str(seen),) if seen else ())
    except Unresolved as gap:
        fix = _("Put the address into management_addresses of the inventory.")
        message = _("the name {name} resolves to no address").format(name=gap.name)
        checks.append(enrolment.Check(_("allow-list"), "bad", message, fix))
        made = None
    if made is not None and made.allow == AllowList((), ()):
        checks.append(enrolment.Check(_("allow-list"), "bad", _("it is empty"), _("Set management_addresses.")))
    bad = [check for check in checks if check.level == "bad"]
    context.out.table((check.level, check.subject, check.text, check.fix) for check in checks)
    if bad or made is None:
        raise Refused(
            _("{host} is not ready: {reasons}.").format(
                host=host, reasons="; ".join(f"{check.subject}: {check.text}" for check in bad)
            ),
            _("Its key is pinned; nothing else was changed, and it has no containment card."),
            "; ".join(check.fix for check in bad if check.fix) + f" – {_('then')}: ungcuu enrol {host}",
        )
    kept = card.write(context.settings, made)
    context.record("change", {"what": str(Change.CARD), "host": host, "allow": [*kept.allow.ipv4, *kept.allow.ipv6]})
    return Result(
        message=_("{host} is enrolled: {fingerprint}; it sees this controller as {seen}").format(
            host=host, fingerprint=key.fingerprint, seen=seen
        ),
        data={
            "fingerprint": key.fingerprint,
            "seen_from": str(seen),
            "checks": [vars(check) for check in checks],
            "card": str(card.card_path(context.settings, host)),
        },
    )


def _resolves(context: Context) -> bool:
    from ungcuu.contain import card
    from ungcuu.contain.allowlist import Unresolved, allow_list

    try:
        allow_list(card.management(context.site.variables(context.host)))
    except Unresolved:
        return False
    return True


VERB = Verb(
    name="enrol",
    phase=Phase.PREPARE,
    summary=N_("Pin a host's key and check that everything needed is there"),
    description=N_(
        "Shows the fingerprint of the host's key and pins it once confirmed; nothing is sent before that. Then checks "
        "Python, sudo, nft, disk space and clock, refuses with a reason each, and writes the containment card."
    ),
    hosts=Hosts.ONE,
    options=(FINGERPRINT,),
    steps_before=(
        N_("Fetch the host's key and have its fingerprint confirmed"),
        N_("Pin the key"),
        N_("Check Python, sudo, nft, disk space and clock"),
        N_("Write the containment card"),
    ),
    run=_run,
    examples=("ungcuu enrol web01", "ungcuu enrol web01 --fingerprint SHA256:…"),
)
