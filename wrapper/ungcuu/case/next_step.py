"""Which command may safely be typed next in a case. Pure; it only names a command, and each refuses for itself."""

from __future__ import annotations

from ungcuu.case.facts import Facts


def next_command(facts: Facts) -> str:
    """Return one command, by what the journal proves."""
    hosts = " ".join(facts.hosts)
    unfinished = next((run for run in reversed(facts.runs) if run.outcome in ("UNKNOWN", "")), None)
    if facts.phase == "closed":
        return f"ungcuu case report {facts.case}"
    if facts.lost:
        return f"ungcuu isolate {' '.join(facts.lost)}"
    if unfinished is not None and not unfinished.finished:
        return f"ungcuu resume {' '.join(unfinished.hosts)}"
    if not facts.contained and not facts.isolated:
        return f"ungcuu isolate {hosts}"
    done = {run.verb for run in facts.runs if run.outcome == "DONE"}
    for verb in ("collect", "eradicate", "restore", "rotate", "reassess", "release"):
        if facts.phase != "review" and verb not in done:
            return f"ungcuu {verb} {hosts}"
    return f"ungcuu case close {facts.case}" if not facts.open_findings else f"ungcuu scan {hosts}"
