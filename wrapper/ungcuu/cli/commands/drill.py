"""`drill`: incidents as scenarios, with their response plans; played on disposable hosts, and measured."""

from __future__ import annotations

from ungcuu.cli.commands._drill_plans import LIST, SHOW
from ungcuu.cli.commands._drill_report import VERB as REPORT
from ungcuu.cli.commands._drill_run import VERB as RUN
from ungcuu.core.i18n import N_
from ungcuu.run.verb import Hosts, Phase, Verb

VERB = Verb(
    name="drill",
    phase=Phase.PREPARE,
    summary=N_("Play an incident on disposable hosts and measure it"),
    hosts=Hosts.NONE,
    verbs=(RUN, LIST, SHOW, REPORT),
)
