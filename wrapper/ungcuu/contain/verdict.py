"""What may be said about a host after `isolate`: pure. Outside proofs decide; the host's own word decides nothing.

1. A port answers from outside: NOT isolated, whatever the host and the playbook say. NOT DONE.
2. Nobody could look from outside: NOT proven. UNKNOWN, also where all else went well.
3. "isolated, and proven" needs every expected proof, taken and passed; else the proofs that were not taken are named.
4. Rules that were never sent leave a host untouched; whether it is isolated is what the look from outside says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ungcuu.contain import outside, proofs
from ungcuu.contain.cut_off import Cut
from ungcuu.contain.endings import CutEnding
from ungcuu.contain.outside import Look
from ungcuu.contain.proofs import CONTROLLER, INSIDE, OUTSIDE
from ungcuu.core.errors import Exit, HostKeyMismatch, Outcome, Refused, Undetermined, UngcuuError, Unreachable
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Detail, Proof, Side, phrase
from ungcuu.core.sentences import shown

# The proofs of a whole isolation, by name and place; any machine outside will do. All modes have them.
EXPECTED = (
    (Proof.NO_PORT_ANSWERS, CONTROLLER),
    (Proof.NO_PORT_ANSWERS, OUTSIDE),
    (Proof.MANAGEMENT_GETS_IN, INSIDE),
    (Proof.NOTHING_GETS_OUT, INSIDE),
    (Proof.DNS_DEAD, INSIDE),
    (Proof.SESSIONS_DEAD, INSIDE),
    (Proof.OUTLASTS_RESTART, INSIDE),
)
_KEYS = (phrase(Detail.KEY_CHANGED), phrase(Detail.KEY_NOT_PINNED))
_NO_PROOF = (Proof.SITE_WORKS_INSIDE,)  # of the containment: an intruder may have changed the page
_LESS = (Proof.OUTLASTS_RESTART, Proof.SITE_SERVES, Proof.NOTICE_SHOWN)  # the host is cut off without them


class NotIsolated(UngcuuError):
    """The host is not isolated, as seen from outside, or it refused the rules."""

    code = Exit.NOT_DONE


@dataclass(frozen=True)
class Seen:
    """Everything about one host after the last look. ``error`` is what the playbook failed at, if it did."""

    cut: Cut
    look: Look
    switch: str
    proofs: Sequence[Mapping[str, Any]] = ()
    kept_by_shell: bool = False
    error: UngcuuError | None = None


def judge(seen: Seen) -> tuple[Outcome, str, UngcuuError | None]:
    """Return the outcome of one host, one line about it, and the error where it is not done."""
    error = _error(seen)
    if error is not None:
        state = f" {error.state}" if error.state else ""
        return error.outcome, f"{error.what}{state}", error
    return Outcome.DONE, _done(seen), None


def _error(seen: Seen) -> UngcuuError | None:
    cut, look = seen.cut, seen.look
    if not cut.sent:
        return _never_sent(seen)
    if look.state == "open":
        return NotIsolated(_view(seen), _claim(cut), seen.switch)
    if cut.ending == CutEnding.FAILED:
        what = _("{host} could not be cut off: {why}").format(host=cut.host, why=shown(cut.detail))
        return NotIsolated(what, _view(seen), f"{seen.switch}\n{_again(cut.host)}")
    if look.state == "unknown":
        what = _("It is NOT proven that {host} is isolated: {why}")
        return Undetermined(what.format(host=cut.host, why=outside.unknown_words(look)), _claim(cut), seen.switch)
    return _inner_error(seen)


def _inner_error(seen: Seen) -> UngcuuError | None:
    """Return what is wrong although no port answers from outside."""
    host, state = seen.cut.host, f"{_claim(seen.cut)} {_view(seen)}"
    if failed := _failed(seen.proofs):
        what = _("It is NOT proven that {host} is isolated; failed: {proofs}")
        return NotIsolated(what.format(host=host, proofs="; ".join(failed)), state, f"{seen.switch}\n{_again(host)}")
    if seen.error is not None and not seen.kept_by_shell:
        seen.error.state = f"{state} {seen.error.state}".strip()
        return seen.error
    return None


def _again(host: str) -> str:
    return _("Or run again: {again}").format(again=f"ungcuu isolate {host}")


def _claim(cut: Cut) -> str:
    """What the host said about the rules, as its word."""
    if cut.done:
        return _("The host says that it is cut off.")
    if cut.ending == CutEnding.FAILED:
        return _("The host says that the rules were not loaded.")
    return _("The rules were sent; the host did not say that they are loaded.")


def _view(seen: Seen) -> str:
    """What the look from outside saw, as a sentence."""
    look, host = seen.look, seen.cut.host
    if look.state == "open":
        return _("{host} is NOT isolated: {alive}.").format(host=host, alive=outside.alive_words(look))
    if look.state == "silent":
        return _("From outside: {silent}.").format(silent=outside.silent_words(look))
    return _("From outside it could not be seen whether {host} is isolated: {why}").format(
        host=host, why=outside.unknown_words(look)
    )


def _never_sent(seen: Seen) -> UngcuuError:
    """Return the error of a cut that was never sent, with what is true about the host all the same."""
    cut, host = seen.cut, seen.cut.host
    state = _("{host} was not touched: no rules were sent.").format(host=host) + " " + _view(seen)
    if cut.ending == CutEnding.REFUSED and cut.seen:
        what = _("{host} sees this controller come from {address}, which the allow-list does not hold.")
        return Refused(what.format(host=host, address=cut.seen), state, f"ungcuu isolate {host} --allow {cut.seen}")
    if cut.ending == CutEnding.REFUSED and cut.detail in _KEYS:
        return HostKeyMismatch(f"{host}: {shown(cut.detail)}", state, f"{seen.switch}\nungcuu enrol {host}")
    if cut.ending == CutEnding.REFUSED:
        return Refused(f"{host}: {shown(cut.detail)}", state, f"ungcuu doctor {host}")
    message = (
        _("{host} can't be reached: {why}")
        if cut.ending == CutEnding.NOT_REACHED
        else _("{host} did not take the rules: {why}")
    )
    return Unreachable(message.format(host=host, why=shown(cut.detail)), state, f"{seen.switch}\n{_again(host)}")


def _done(seen: Seen) -> str:
    host = seen.cut.host
    missing = not_taken(seen.proofs)
    if seen.kept_by_shell:
        return _(
            "isolated without the host's Python, which does not work: {silent}; the host says that it outlasts a "
            "restart. Not taken: {missing}. Back with: ungcuu release {host}"
        ).format(silent=outside.silent_words(seen.look), missing=", ".join(missing), host=host)
    if not missing:
        return _("isolated, and proven; back with: ungcuu release {host}").format(host=host)
    if any(row["side"] == Side.OUTSIDE and row["passed"] for row in seen.look.proofs):
        message = _("isolated as far as could be seen; not taken: {missing}. Back with: ungcuu release {host}")
    else:
        message = _("isolated as far as the controller can see; not taken: {missing}. Back with: ungcuu release {host}")
    return message.format(missing=", ".join(missing), host=host)


def not_taken(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the expected proofs that nobody took, and those that say so themselves; the last of a name counts."""
    latest = _latest(rows)
    taken = {key[:2] for key, row in latest.items() if row.get("passed") is not None}
    expected = {(str(name), str(place.side)) for name, place in EXPECTED}
    absent = [
        proofs.words({"name": str(name), **place.as_data()})
        for name, place in EXPECTED
        if (str(name), str(place.side)) not in taken
    ]
    other = [
        proofs.words(row)
        for key, row in latest.items()
        if row.get("passed") is None and key[0] not in _NO_PROOF and (key[:2] not in expected or row.get("families"))
    ]
    return [*absent, *other]


def _failed(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the proofs that failed and speak against the containment itself; the last of a name and place counts."""
    return [
        proofs.words(row, detail=True)
        for key, row in _latest(rows).items()
        if row.get("passed") is False and key[0] not in _LESS
    ]


def _latest(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str, str], Mapping[str, Any]]:
    """Return the last row of each name, side, vantage and part of the addresses."""
    return {
        (str(row.get("name")), str(row.get("side")), str(row.get("vantage") or ""), str(row.get("families") or "")): row
        for row in rows
    }
