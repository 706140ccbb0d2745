"""How a plan, a result and an error look on a screen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.core.errors import Outcome, UngcuuError
from ungcuu.core.i18n import _, ngettext
from ungcuu.core.terminal import Screen
from ungcuu.run.verb import OUTCOMES

if TYPE_CHECKING:
    from ungcuu.run.flow import Report

_NAMED = 5  # hosts, in one line
_STYLE = {"DONE": "good", "NOT DONE": "bad", "UNKNOWN": "warn"}


def report(found: Report, out: Screen, plain: bool) -> None:
    """Show what came of a run. Under --json (not ``plain``) the error alone is reported."""
    document: Mapping[str, Any] = found.document
    if found.parts:
        for part in found.parts:
            report(part, out, plain)
        if plain and document["outcome"] != "PLANNED":
            out.table([(name, _(OUTCOMES.get(str(row["outcome"]), ""))) for name, row in document["hosts"].items()])
        return
    if plain and "plan" in document:
        plan(document["plan"], out)
        return
    if found.error is not None:
        error(found.error, out)
    if not plain or "run" not in document:
        return
    if message := document.get("message"):
        out.block(message)
    if document.get("hosts") or found.code:
        _outcome(document, out)


def plan(data: Mapping[str, Any], out: Screen) -> None:
    """Show a plan: steps, variables, what is dangerous, what undoes it."""
    hosts = _hosts(data["hosts"]) or "–"
    out.line(_("Plan: {verb} on {hosts}").format(verb=data["verb"], hosts=hosts), "strong")
    if data["read_only"]:
        out.line("  " + _("Reads only: nothing is changed on a host."))
    if data["dangerous"]:
        out.line("  " + _("Dangerous: the host's name must be typed, or given with --confirm-host."), "warn")
    if data["steps"]:
        out.line(_("Steps"), "strong")
        out.table([_step(step) for step in data["steps"]])
    if data["variables"]:
        out.line(_("Variables"), "strong")
        out.table([(name, _value(value)) for name, value in data["variables"].items()])
    for title, value in (data.get("details") or {}).items():
        out.line(_(title), "strong")
        _details(value, out)
    if data["inverse"]:
        out.line(_("Undone by: {command}").format(command=data["inverse"]))
    out.line(_("Nothing was changed."))


def _step(step: Mapping[str, Any]) -> tuple[str, ...]:
    """One row of the steps, with the number of foretold changes where the hosts were asked."""
    row = (f"{step['number']:>2}", _(step["name"]), step["role"] or "")
    if "changed" not in step:
        return row
    count = step["changed"]
    return (*row, ngettext("{count} change", "{count} changes", count).format(count=count) if count else "")


def _details(value: Any, out: Screen) -> None:
    """Show what a look at the host adds to a plan: a mapping, rows, or lines."""
    if isinstance(value, Mapping):
        out.table([(key, _value(item)) for key, item in value.items()])
    elif isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value):
        heads = list(dict.fromkeys(key for row in value for key in row))
        out.table([[_(head) for head in heads], *([_value(row.get(head, "")) for head in heads] for row in value)])
    elif isinstance(value, list | tuple):
        for row in value or ("–",):
            out.line(f"  {_value(row)}")
    else:
        out.line(f"  {_value(value)}")


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value) or "–"
    return str(value)


def error(found: UngcuuError, out: Screen) -> None:
    """Show an error's three parts."""
    out.prose(found.what, "bad")
    if found.state:
        out.prose(_("State now: {state}").format(state=found.state))
    if found.fix:
        out.block(_("Next:      {command}").format(command=found.fix), "strong")


def _outcome(document: Mapping[str, Any], out: Screen) -> None:
    outcome = str(document["outcome"])
    seconds = _("{seconds:.1f} s").format(seconds=document.get("seconds", 0))
    changed = sum(int(host.get("changed", 0)) for host in document["hosts"].values())
    parts = [_(OUTCOMES.get(outcome, outcome)), document["verb"], _hosts(document["hosts"]), seconds]
    if any("changed" in host for host in document["hosts"].values()):
        parts.append(ngettext("{count} change", "{count} changes", changed).format(count=changed))
    if case := document.get("case"):
        parts.append(_("case {case}").format(case=case))
    out.line(" · ".join(part for part in parts if part), _STYLE.get(outcome, ""))
    if len(document["hosts"]) > 1 and outcome != Outcome.DONE:
        rows = [(host, str(row["outcome"])) for host, row in document["hosts"].items()]
        shown = [row for row in rows if len(rows) <= _NAMED or row[1] != Outcome.DONE]
        out.table([(host, _(OUTCOMES.get(outcome, ""))) for host, outcome in shown])
        if more := len(rows) - len(shown):
            out.line("  " + _("{count} more hosts: {outcome}").format(count=more, outcome=_(OUTCOMES["DONE"])))


def _hosts(names: Collection[str]) -> str:
    """Name the hosts where they are few; a line of fifty names says nothing."""
    return ", ".join(names) if len(names) <= _NAMED else _("{count} hosts").format(count=len(names))
