"""What the vault judged of a restore point, in words: whether it is whole, and what is known of its code.

"Clean" alone says nothing: the words name what was looked at, and compared with what. Pure; what the vault says is
cleaned before it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ungcuu.core.i18n import N_, _
from ungcuu.core.terminal import clean

CLEAN, SUSPECT, NOT_JUDGED = "clean", "suspect", "not judged"
_LABELS = {CLEAN: N_("clean"), SUSPECT: N_("suspect"), NOT_JUDGED: N_("not judged")}
_RULES = {
    "code-added": N_("code that the baseline does not know"),
    "code-changed": N_("code that differs from the baseline"),
    "page-added": N_("a page that the baseline does not know"),
    "page-changed": N_("a page that differs from the baseline"),
    "link-added": N_("a link that the baseline does not know"),
    "link-changed": N_("a link that differs from the baseline"),
    "link-out": N_("a link out of the web root"),
    "device": N_("a device or pipe"),
    "content": N_("code that looks like a web shell"),
    "hidden-links": N_("a page with hidden or gambling links"),
    "upload-code": N_("a program among uploads"),
    "upload-program": N_("a program among uploads"),
    "upload-server-file": N_("a server's settings among uploads"),
    "upload-rights": N_("a file that takes its owner's rights among uploads"),
    "upload-link": N_("a link out of the web root"),
    "config-runs-code": N_("configuration that runs other code"),
    "hostile": N_("a file that was found to be hostile"),
}
_PARTS = {"files": N_("the web root"), "database": N_("the database"), "config": N_("the configuration")}
_LACKS: Mapping[str, str] = {
    "files": N_("every file of the web root is missing"),
    "dump": N_("the database dump {name} is missing"),
    "entry": N_("the entry page {name} is missing"),
    "config": N_("the configuration {name} is missing"),
}
_MOST = 50
# The checks of a restore, each with what helps; `{host}` is the website's host.
_REFUSED = {
    "links": N_("links out of the web root ({files}): replace each with the file itself, or accept the check “links”"),
    "programs": N_(
        "programs in writable folders ({files}): if they belong there, take the baseline again; if they do not, "
        "eradicate them"
    ),
    "modes": N_(
        "files that anyone may write ({files}): take that right away with chmod o-w, or accept the check “modes”"
    ),
}


@dataclass(frozen=True)
class Suspect:
    """One file that speaks against a point."""

    path: str
    rule: str
    signs: tuple[str, ...] = ()

    def words(self) -> str:
        """The file and why."""
        why = _(_RULES.get(self.rule, self.rule))
        return f"{self.path}: {why}" + (f" ({', '.join(self.signs)})" if self.signs else "")


@dataclass(frozen=True)
class CodeVerdict:
    """The verdict on the code of one point. Times are UTC; `baseline` is when that of the comparison was taken.

    `files` and `bytes` are those of the web root; `code` counts code, pages and links among them. `why` says why a
    point is not judged: no baseline, too much, failed, never (an older vault took it).
    """

    verdict: str = NOT_JUDGED
    why: str = "never"
    time: str = ""
    baseline: str = ""
    files: int = 0
    bytes: int = 0
    code: int = 0
    rules: int = 0
    accepted: int = 0
    others: int = 0
    total: int = 0
    suspects: tuple[Suspect, ...] = ()

    @property
    def clean(self) -> bool | None:
        """True for clean, False for suspect, None for not judged."""
        return {CLEAN: True, SUSPECT: False}.get(self.verdict)

    def label(self) -> str:
        """One word or two."""
        return _(_LABELS[self.verdict])

    def words(self) -> str:
        """The verdict with what was looked at."""
        if self.verdict == SUSPECT:
            named = "; ".join(one.words() for one in self.suspects[:3])
            more = _("; {count} more").format(count=self.total - 3) if self.total > 3 else ""
            return _("suspect: {count} files: {named}").format(count=self.total, named=named) + more
        if self.verdict == NOT_JUDGED and self.why != "no baseline":
            return _("not judged: {why}").format(why=_WHY.get(self.why, _WHY["failed"])())
        return f"{self._outcome()}; {self._looked_at()}"

    def _outcome(self) -> str:
        if self.verdict == NOT_JUDGED:
            return _(
                "not judged: no baseline is older than the point; its code was judged by {rules} content rules "
                "alone, which found nothing"
            ).format(rules=self.rules)
        said = _("clean: {code} code files, pages and links are as the baseline of {baseline} knows them")
        words = said.format(code=self.code, baseline=self.baseline)
        if self.accepted:
            words += _(" or a person accepted them ({count})").format(count=self.accepted)
        return words

    def _looked_at(self) -> str:
        words = _("looked at: {files} files ({size}), no program among uploads; the database was not judged").format(
            files=self.files, size=shown_size(self.bytes)
        )
        if self.others:
            words += _("; {count} files that are no code differ from the baseline").format(count=self.others)
        return words


_WHY: Mapping[str, Callable[[], str]] = {
    "never": lambda: _("nobody looked into it yet"),
    "too much": lambda: _("it holds more than the vault looks at"),
    "failed": lambda: _("the vault could not read it whole"),
}


@dataclass(frozen=True)
class Shrink:
    """An amount that is below half of what a point before held; `part` is all, files, database or config."""

    part: str
    what: str
    now: int
    before: int
    time: str

    def words(self) -> str:
        """Both amounts."""
        now, before = (
            shown_size(n) if self.what == "bytes" else _("{count} files").format(count=n)
            for n in (self.now, self.before)
        )
        if self.part in _PARTS:
            said = _("holds {now} of {part} where the one of {time} held {before}")
            return said.format(now=now, before=before, time=self.time, part=_(_PARTS[self.part]))
        return _("holds {now} where the one of {time} held {before}").format(now=now, before=before, time=self.time)


@dataclass(frozen=True)
class Completeness:
    """Whether a point is whole. `judged` is False where an older vault took it; `accepted_…` is a person's word."""

    judged: bool = False
    shrunk: tuple[Shrink, ...] = ()
    lacks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    missing_total: int = 0
    accepted_by: str = ""
    accepted_reason: str = ""
    accepted_time: str = ""

    @property
    def whole(self) -> bool | None:
        """None where nobody looked; True also where a person accepted what is missing."""
        if not self.judged:
            return None
        return bool(self.accepted_time) or not (self.shrunk or self.lacks or self.missing_total)

    def words(self) -> str:
        """What is missing; empty when nothing is."""
        if self.whole is not False:
            return ""
        words = [row.words() for row in self._telling()] + [self._lack(what) for what in self.lacks[:3]]
        if self.missing_total:
            said = _("{count} files that the baseline knows are missing ({first}, …)")
            words.append(said.format(count=self.missing_total, first=", ".join(self.missing[:2])))
        return "; ".join(words)

    def acceptance(self) -> str:
        """Who accepted that it is smaller, when and why; empty when nobody had to."""
        if not self.accepted_time:
            return ""
        said = _("accepted by {by} at {time}: {reason}")
        return said.format(by=self.accepted_by, time=self.accepted_time, reason=self.accepted_reason)

    def _telling(self) -> tuple[Shrink, ...]:
        """The whole point's amounts where they shrank; those of the parts else."""
        whole = tuple(row for row in self.shrunk if row.part not in _PARTS)
        return whole[:2] or self.shrunk[:2]

    def _lack(self, what: str) -> str:
        kind, _space, name = what.partition(" ")
        return _(_LACKS.get(kind, _LACKS["files"])).format(name=name)


@dataclass(frozen=True)
class Refusal:
    """One check of a restore that a point would not pass: `check` as --accept names it, some paths, and how many."""

    check: str
    paths: tuple[str, ...]
    total: int

    def words(self) -> str:
        """Which check, which files, and what helps."""
        named = ", ".join(self.paths[:2])
        files = named if self.total <= 2 else _("{names} and {count} more").format(names=named, count=self.total - 2)
        return _(_REFUSED[self.check]).format(files=files)


@dataclass(frozen=True)
class Restorable:
    """Whether a restore would take a point. `asked` is False where an older vault took it."""

    asked: bool = False
    refused: tuple[Refusal, ...] = ()

    @property
    def restorable(self) -> bool | None:
        """None where nobody asked; True says nothing of PHP's syntax and the dump, which need a host."""
        return not self.refused if self.asked else None

    def words(self) -> str:
        """What a restore would refuse, and what helps; empty for nothing."""
        return "; ".join(one.words() for one in self.refused)


def restorable(row: Mapping[str, Any]) -> Restorable:
    """Read from a row of the vault's ledger whether a restore would take the point.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: It is of another form.
    """
    found = row.get("restorable")
    if not found:
        return Restorable()
    refused = tuple(
        Refusal(str(one["check"]), tuple(map(_text, one["paths"][:_MOST])), int(one["total"]))
        for one in found["refused"]
        if one["check"] in _REFUSED
    )
    return Restorable(True, refused)


def shown_size(count: int) -> str:
    """Bytes in KiB or MiB."""
    if count < 1 << 20:
        return f"{count / 1024:.0f} KiB"
    return f"{count / 2**20:.1f} MiB" if count < 10 << 20 else f"{count / 2**20:.0f} MiB"


def code_verdict(row: Mapping[str, Any]) -> CodeVerdict:
    """Read the verdict of a row of the vault's ledger.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: It is of another form.
    """
    found = row.get("verdict")
    if not found:
        return CodeVerdict()
    if found["verdict"] not in _LABELS:
        raise ValueError("no verdict")
    suspects = tuple(
        Suspect(_text(one["path"]), _text(one["rule"]), tuple(map(_text, one.get("signs") or ())))
        for one in (found.get("suspects") or ())[:_MOST]
    )
    counts = {
        name: int(found.get(name) or 0) for name in ("files", "bytes", "code", "rules", "accepted", "others", "total")
    }
    return CodeVerdict(
        str(found["verdict"]),
        _text(found.get("why") or ""),
        _text(found.get("time") or ""),
        _moment((found.get("baseline") or {}).get("taken") or ""),
        suspects=suspects,
        **counts,
    )


def completeness(row: Mapping[str, Any]) -> Completeness:
    """Read the completeness of a row of the vault's ledger.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: It is of another form.
    """
    found, word = row.get("whole"), row.get("accepted") or {}
    if not found:
        return Completeness()
    shrunk = tuple(
        Shrink(_text(one["part"]), _text(one["what"]), int(one["now"]), int(one["before"]), _text(one["before_time"]))
        for one in found["shrunk"][:_MOST]
    )
    return Completeness(
        True,
        shrunk,
        tuple(map(_text, found["lacks"][:_MOST])),
        tuple(map(_text, found["missing"][:_MOST])),
        int(found["missing_total"]),
        *(_text(word.get(name) or "") for name in ("by", "reason", "time")),
    )


def _text(value: object) -> str:
    return clean(str(value), 500)


def _moment(text: str) -> str:
    """A time to the second."""
    return _text(text[:19] + "Z" if text else "")
