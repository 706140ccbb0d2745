"""What records hold, in the reader's language: a phrase, a code, or a sentence of the first format.

A text that is none of these is shown as it is: it came from a host or from a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import WORDS

_VALUE = re.compile(r"\\\{(\w+)\\\}")
_LONGEST = 600  # characters; a sentence of ungcuu is shorter
_DEEPEST = 6  # phrases inside phrases; ours have three
_MOST = 50  # phrases or texts of one list that are shown

# What records of the first format may hold. Frozen: a new text is a phrase.
SENTENCES = (
    # what was tried
    N_("no port answers"), N_("no port answers on {families}"),
    N_("nothing gets out"), N_("DNS is dead"), N_("sessions of others are dead"),
    N_("the site works inside"), N_("the site serves"), N_("visitors get the notice"), N_("SSH is closed to others"),
    N_("management gets in"), N_("it outlasts a restart"),
    N_("contained from outside"), N_("served from outside"), N_("website health"),
    N_("manifest"), N_("links"), N_("programs in writable folders"), N_("files that anyone may write"),
    N_("PHP syntax"), N_("database import"), N_("every file's hash"), N_("every table's rows"),
    N_("recovery time"), N_("restore drill"), N_("backup before patch"), N_("tables"), N_("page"),
    # from where
    N_("from the controller"), N_("from outside"), N_("from outside ({host})"),
    # what was seen
    N_("{count} ports on {families}: all silent"), N_("{count} ports on {families}: {alive}"),
    N_("{count} connections to outside tried, {escaped} got out"), N_("no outside address to try"),
    N_("{count} servers asked, {answered} answered"),
    N_("{open} open, {moving} of them moved bytes within a second"),
    N_("the page holds its text at {count} addresses"), N_("status {status} at {count} addresses"),
    N_("status {status}, with its text"), N_("status {status}, without its text"),
    N_("status {status}, without its text: the intruder may have changed it"),
    N_("status {status}, {bytes} bytes, expected phrase found, {milliseconds} ms"),
    N_("status {status}, {bytes} bytes, expected phrase missing, {milliseconds} ms in all"),
    N_("no answer ({why}) after {tries} attempts"), N_("the probe gave no readable answer"),
    N_("no answer"), N_("no answer from the probe"), N_("over a new connection"), N_("silent"),
    N_("not proven: the host has no Python for the probe"),
    N_("the unit that loads the rules is enabled"), N_("the unit that loads the rules is not enabled"),
    N_("the rules are kept in memory alone: the host's disk takes no file"),
    N_("not proven from outside: the inventory has no host with a foreign address"),
    N_("not proven from outside: the inventory names no second machine (isolation_vantage)"),
    N_("not proven: SSH does not answer either, so the host may be off"),
    N_("not proven: it is reached through a jump host, not from here"),
    N_("not proven: no packet could be sent on {families}"),
    N_("not proven: {host} may log in itself; name another machine as isolation_vantage"),
    N_("not proven: {host} gave no answer"), N_("not proven: {host} could not be asked ({why})"),
    N_("its host key isn't pinned"), N_("its host key has changed since it was enrolled"),
    N_("not proven: the host's Python does not work"), N_("there is no containment card: ungcuu enrol {host}"),
    N_("no address to try"),
    N_("{count} files as in the restore point"), N_("{count} tables as in the restore point"),
    N_("{count} files as in the vault"), N_("{count} rows in {tables} tables"), N_("{count} programs parse"),
    N_("{count} tables in a scratch schema"), N_("no link leaves the web root"), N_("none"),
    N_("the site has no PHP"), N_("not checked: there is no PHP command here"),
    N_("IPv4 and IPv6"),
    N_("none but the {count} that the baseline knows"),
    # what was not set, or not looked at
    N_("not applicable: {unit} also runs {names}"),
    N_("not applicable: no PHP-FPM pool was found that runs the website"),
    N_("not applicable: a login of this application can't be distinguished from its other requests"),
    N_("pages of other websites that were not looked at: nothing listens there, or there are too many"),
    N_("not tried: the website has it turned off"),
    N_("not tried: no profile says how an editor of this application works"),
    # what was changed
    N_("isolation"), N_("host key"), N_("containment card"), N_("locked"), N_("unlocked"), N_("unblocked"),
    N_("put back"), N_("web root and database swapped"), N_("newer than the first sign of compromise"),
    # what a rotation left as it was
    N_("the website: it has no database, and passwords in its own files are not known to ungcuu"),
    # what was done with an account
    N_("login"), N_("login from a suspicious address"), N_("sudo as {account}"), N_("changed by {program}"),
    # what was expected, and what stands there
    N_("not present"), N_("present"), N_("gone"), N_("not loaded"), N_("media only"), N_("closed"),
    # what stands in a staged copy
    N_("{count} files, as in the baseline or on the live website"),
    N_("{count} files that neither the baseline nor the live website has"),
    # why a control was not assessed
    N_("fact {name} is missing"),
    # why an item of evidence is not there
    N_("the command ran and had nothing to say"), N_("not on this host"), N_("none of these places exists"),
    N_("a program that it needs is not on this host"), N_("over its {seconds} s"), N_("over its {bytes} bytes"),
    N_("over its {seconds} s, and the host did not stop it itself"), N_("the connection ended: {why}"),
    N_("exit status {status}: {why}"),
)  # fmt: skip # a table


def shown(value: object, depth: int = 0) -> str:
    """A value of a record in the reader's language; what is none of ours is shown as it is."""
    if isinstance(value, Mapping):
        return _filled(value, depth)
    if isinstance(value, list | tuple):
        separator = "; " if any(isinstance(one, Mapping) for one in value) else ", "
        return separator.join(shown(one, depth + 1) for one in value[:_MOST]) if depth < _DEEPEST else "…"
    return _sentence(str(value))


def word(code: str) -> str:
    """The words of a code that stands alone, as the name of a proof does; or of what the first format had there."""
    return _(WORDS[code]) if code in WORDS else _sentence(code)


def _filled(coded: Mapping[str, Any], depth: int) -> str:
    """The words of a phrase. One that is unknown, of a later release, is shown by its code and values."""
    if depth >= _DEEPEST:
        return "…"
    code = str(coded.get("code") or "")
    values = {str(name): shown(one, depth + 1) for name, one in coded.items() if name != "code"}
    if code in WORDS:
        return _(WORDS[code]).format_map(_Values(values))
    listed = ", ".join(f"{name} {one}" for name, one in values.items())
    return f"{code}: {listed}" if code and listed else code or listed


class _Values(dict[str, str]):
    """A value that a record lacks is shown as a question mark."""

    def __missing__(self, _name: str) -> str:
        return "?"


def _sentence(text: str) -> str:
    """A record's sentence of the first format in the reader's language; any other text as it is."""
    for sentence, pattern in _patterns() if len(text) <= _LONGEST else ():
        if found := pattern.fullmatch(text):
            return _(sentence).format(**{name: _sentence(value) for name, value in found.groupdict().items()})
    return text


def title(text: object) -> str:
    """The title of an item of evidence: one of a profile's, or one with the operator's value in brackets after it."""
    whole = str(text)
    if _(whole) != whole:
        return _(whole)
    first, bracket, rest = whole.rpartition(" (")
    return f"{_(first)}{bracket}{rest}" if first else whole


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (sentence, re.compile(_VALUE.sub(r"(?P<\1>[^{}]{1,300}?)", re.escape(sentence)))) for sentence in SENTENCES
    )
