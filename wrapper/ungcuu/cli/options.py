"""Options that several verbs share, each defined once."""

from __future__ import annotations

from ungcuu.core.i18n import N_
from ungcuu.run.verb import Option

FINGERPRINT = Option(
    "--fingerprint", N_("The key's fingerprint, read on the machine's own console"), metavar="SHA256:TEXT"
)
VIA = Option(
    "--via", N_("Have this node run the playbook (docs/how-to/nodes.md); all records stay here"), metavar="NODE"
)
WEBSITE = Option("--website", N_("Name of the website, where the host serves several"), metavar="NAME")
