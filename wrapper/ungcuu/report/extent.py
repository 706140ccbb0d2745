"""How far the intruder came, as the evidence of the case says, and the moments of it for the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ungcuu.case.evidence.extent import LIMITS, Address, Request
from ungcuu.case.extent import CaseScope, HostScope
from ungcuu.core.clock import format_time
from ungcuu.core.i18n import N_, _
from ungcuu.core.sentences import shown
from ungcuu.report.format import shown_bytes, shown_time

MOST = 40  # rows of one table or list of paths; `ungcuu case scope --json` has more
_RECKONED = {
    "first_sign": N_("from the first sign of compromise on"),
    "detected": N_("from detection on, since no first sign is known"),
    "opened": N_("from the opening of the case on, since no first sign is known"),
}
_FILE_TIMES = N_("file times")
_ITEMS = {
    "web_logs": N_("logs of the web server"),
    "journal": N_("the host's journal"),
    "web_manifest": N_("list of the web root"),
    "changed_files": N_("list of changed files"),
}


def section(found: CaseScope | None) -> dict[str, Any]:
    """What the section of the report shows; without hosts where nothing was read."""
    if found is None:
        return {"since": "", "hosts": [], "limits": []}
    since = f"{shown_time(found.since)}, {_(_RECKONED[found.reckoned])}"
    return {
        "since": since,
        "hosts": [_host(one) for one in found.hosts if one.is_known],
        "limits": [_(text) for text in LIMITS],
    }


def _host(one: HostScope) -> dict[str, Any]:
    scope = one.scope
    return {
        "host": one.host,
        "lacking": ", ".join(_(_ITEMS[name]) for name in one.lacking),
        "addresses": [_address(row) for row in scope.addresses[:MOST]],
        "more_addresses": max(0, len(scope.addresses) - MOST),
        "accounts": [
            {
                "account": row.account,
                "acts": ", ".join(map(shown, row.acts)),
                "count": row.count,
                "first": _time(row.first),
                "last": _time(row.last),
            }
            for row in scope.accounts[:MOST]
        ],
        "altered": list(scope.altered[:MOST]),
        "changed": _files(scope.changed, scope.changed_count, {row.path for row in scope.named} | {*scope.altered}),
        "ours": _files(scope.ours, scope.ours_count, set()),
        "read": _files(scope.read, scope.read_count, set()),
        "left": shown_bytes(scope.left_bytes),
        "responses": [_response(row) for row in scope.responses[:MOST]],
        "more_responses": max(0, len(scope.responses) - MOST),
    }


def _address(row: Address) -> dict[str, Any]:
    return {
        "address": row.address,
        "why": _why(row),
        "requests": row.requests,
        "sent": shown_bytes(row.sent),
        "first": _time(row.first) if row.requests else "–",
        "last": _time(row.last) if row.requests else "–",
    }


def _why(row: Address) -> str:
    """What the address asked for; ungcuu's own checks come from some."""
    if row.own:
        return _("{why} (this controller or the host itself: ungcuu asks from there too)").format(why=_(row.why))
    return _(row.why)


def _files(paths: tuple[str, ...], count: int, first: set[str]) -> dict[str, Any]:
    """The number of files, and the names of some: those that findings name before others."""
    ordered = sorted(paths, key=lambda path: (path not in first, path))
    return {"count": count, "paths": ordered[:MOST], "more": max(0, count - len(ordered[:MOST]))}


def _response(row: Request) -> dict[str, Any]:
    return {"time": _time(row.time), "address": row.address, "path": row.path, "size": shown_bytes(row.size)}


def _time(moment: datetime) -> str:
    return shown_time(format_time(moment))


def moments(found: CaseScope) -> Iterator[tuple[str, str, str, str]]:
    """Yield time (the journal's form), source, what and details of what belongs into the timeline."""
    for one in found.hosts:
        log = f"{one.host}: {_(_ITEMS['web_logs'])}"
        for row in one.scope.addresses[:MOST]:
            if row.requests:
                yield (
                    format_time(row.first),
                    log,
                    _("First request of {address}").format(address=row.address),
                    _why(row),
                )
                message = _("{count} requests in all").format(count=row.requests)
                yield format_time(row.last), log, _("Last request of {address}").format(address=row.address), message
        for answer in one.scope.responses[:MOST]:
            what = _("{size} sent to {address}").format(size=shown_bytes(answer.size), address=answer.address)
            yield format_time(answer.time), log, what, answer.path
        for account in one.scope.accounts[:MOST]:
            what = _("Account {account} used or changed").format(account=account.account)
            acts = ", ".join(map(shown, account.acts))
            yield format_time(account.first), f"{one.host}: {_(_ITEMS['journal'])}", what, acts
        times = f"{one.host}: {_(_FILE_TIMES)}"
        for file in one.scope.named[:MOST]:
            yield format_time(file.changed), times, _("File changed"), file.path
            if file.made is not None:
                yield format_time(file.made), times, _("File made"), file.path
