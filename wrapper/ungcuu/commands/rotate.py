"""`rotate`: new credentials for the website, the old ones proven dead."""

from __future__ import annotations

from ungcuu.i18n import N_
from ungcuu.verb import Phase, Verb

VERB = Verb(
    name="rotate",
    phase=Phase.RECOVER,
    summary=N_("Give the website new credentials; the old ones are proven dead"),
    description=N_(
        "Database password and application keys; every session ends. The new ones are kept in an ansible-vault file in "
        "the state folder, and are never shown."
    ),
    playbook="rotate",
    dangerous=True,
    examples=("ungcuu rotate web01",),
)
