"""What holds an incident back right now, each with its owner: isolation, blocked networks, locked accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ungcuu.case.facts import Facts, Run
from ungcuu.contain import blocks
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings, machine_of
from ungcuu.report.format import shown_time

_ENDS = {"isolate": "release", "lock": "unlock"}


@dataclass(frozen=True)
class Measure:
    """One measure. ``since`` and ``until`` are in the journal's form; ``doubt`` says why it may not hold."""

    what: str
    host: str
    owner: str = ""
    since: str = ""
    until: str = ""
    doubt: str = ""

    @property
    def line(self) -> str:
        """It in one line."""
        parts = [f"{self.host}: {self.what}", self.owner or _("owner not recorded")]
        parts += [_("since {time}").format(time=shown_time(self.since))] if self.since else []
        parts += [_("until {time}").format(time=shown_time(self.until))] if self.until else []
        return ", ".join(parts) + (f" ({self.doubt})" if self.doubt else "")


def in_force(settings: Settings, facts: Facts, present: datetime) -> list[Measure]:
    """Return the measures that the records of a case and the controller's list of blocks name as in force."""
    found = list(_isolations(facts))
    for host in dict.fromkeys(machine_of(host) for host in facts.hosts):
        found += _blocks(settings, host, present)
        if run := _last(facts, "lock", host):
            found.append(Measure(_("accounts locked"), host, run.operator, run.finished))
    return found


def _isolations(facts: Facts) -> Iterator[Measure]:
    doubts = dict.fromkeys(facts.unsure, _("not certain")) | dict.fromkeys(facts.lost, _("LOST, as seen from outside"))
    for host in dict.fromkeys((*facts.isolated, *facts.lost, *facts.unsure)):
        run = _last(facts, "isolate", host)
        owner, since = (run.operator, run.finished or run.started) if run else ("", "")
        yield Measure(_("cut off from the network"), host, owner, since, doubt=doubts.get(host, ""))


def _last(facts: Facts, verb: str, host: str) -> Run | None:
    """The last run of a verb on a host that was not undone since; one that ended badly leaves it as it was."""
    found = None
    for run in facts.runs:
        if host in map(machine_of, run.hosts) and run.outcome == "DONE":
            if run.verb == verb:
                found = run
            elif run.verb == _ENDS[verb]:
                found = None
    return found


def _blocks(settings: Settings, host: str, present: datetime) -> Iterator[Measure]:
    try:
        known = blocks.load(settings.host_dir(host))
    except (ValueError, OSError) as error:
        yield Measure(_("blocked networks"), host, doubt=_("can't be read: {why}").format(why=error))
        return
    for one in known:
        doubt = _("its time is over: ungcuu unblock {host} {network}").format(host=host, network=one.network)
        what = _("{network} blocked: {why}").format(network=one.network, why=one.reason or "–")
        yield Measure(what, host, one.owner, one.since, one.until, doubt if one.over(present) else "")
