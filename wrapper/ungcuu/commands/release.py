"""`release`: return isolated hosts to service, behind the gate of a clean re-assessment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.errors import Refused
from ungcuu.i18n import N_, _
from ungcuu.verb import Phase, Verb

if TYPE_CHECKING:
    from ungcuu.context import Context


def _gate(context: Context) -> None:
    """Say every reason before anything is asked of the host; the playbook checks the same again."""
    from datetime import UTC, datetime

    from ungcuu import containment

    for host in context.hosts:
        against = containment.against_release(context.settings.host_dir(host), host, datetime.now(UTC))
        if against:
            raise Refused(
                _("{host} can't be released: {reasons}.").format(host=host, reasons="; ".join(against)),
                _("Nothing was touched; the host is as isolated as before."),
                f"ungcuu reassess {host}",
            )


VERB = Verb(
    name="release",
    phase=Phase.RECOVER,
    summary=N_("Return isolated hosts to service, after a clean re-assessment"),
    description=N_(
        "Refused without a re-assessment that is clean, tells that the way in is closed, and is newer than the "
        "isolation. Lifts the rules, starts the site's services, and proves from outside that the site serves."
    ),
    playbook="release",
    dangerous=True,
    preflight=_gate,
    inverse="ungcuu isolate {host}",
    examples=("ungcuu release web01 --reason 'restored and re-assessed'",),
)
