"""dpkg's word on the host against the signed packages themselves. Pure: what the archive says is given.

Root on the host can write dpkg's lists: a version that never was, sums that fit a changed file, a list that claims a
file. So a claim that would excuse a file (it is as its package has it, and the package was installed or updated since
the baseline) counts only when the archive, or a patch run of ungcuu, knows the version, and the package has that file
with that content and those rights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import Coded, TextOrCode, phrase
from ungcuu.detect import change
from ungcuu.detect.baseline import Row, Snapshot
from ungcuu.detect.comparison import CRITICAL, HIGH, LOW, Comparison
from ungcuu.detect.file_rows import Corrected, having
from ungcuu.detect.files import _changed_files
from ungcuu.detect.findings import Finding
from ungcuu.detect.system import _from_package, _reinstall

Key = tuple[str, str, str]  # name, architecture, version

_MERGED = re.compile(r"^/(bin|sbin|lib|lib32|lib64|libx32)/")
# Without a baseline: programs by which everything else is judged, or by which people get in.
_JUDGES = frozenset(
    f"/usr/{place}"
    for place in (
        "bin/dash",
        "bin/bash",
        "bin/sudo",
        "bin/find",
        "bin/sha256sum",
        "bin/dpkg",
        "bin/dpkg-query",
        "sbin/sshd",
        "sbin/nft",
        "bin/login",
        "bin/su",
        "bin/passwd",
        "sbin/cron",
    )
)


@dataclass(frozen=True)
class Packaged:
    """One regular file in a package. ``scripted``: its maintainer script names the path and changes rights."""

    sha256: str
    mode: int
    uid: int
    gid: int
    scripted: bool = False

    def fields(self) -> list[object]:
        """Return it as it is kept."""
        return [self.sha256, self.mode, self.uid, self.gid, self.scripted]


@dataclass(frozen=True)
class Claim:
    """One package whose files ask to be excused, or whose version differs from the baseline's."""

    key: Key
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Truth:
    """What is known of the claimed packages besides the host's word. ``why``: what the archive could not be asked for.

    ``others`` has, for a version that the archive does not know, the files of the same package in a version that it
    knows.
    """

    versions: Mapping[Key, str] = field(default_factory=dict)
    files: Mapping[Key, Mapping[str, Packaged]] = field(default_factory=dict)
    others: Mapping[Key, Mapping[str, Packaged]] = field(default_factory=dict)
    why: str | Coded = ""


def usual_path(path: str) -> str:
    """A path as it stands on a system with merged /usr."""
    return "/usr" + path if _MERGED.match(path) else path


def key_of(snapshot: Snapshot, package: str) -> Key | None:
    """Return name, architecture and version of the package that a file's record names."""
    name, _colon, architecture = package.partition(":")
    found = [
        (str(row["name"]), str(row["architecture"]), str(row["version"]))
        for key, row in snapshot.of("package").items()
        if key[0] == name and (not architecture or key[1] in (architecture, "all"))
    ]
    return found[0] if found else None


def claims(comparison: Comparison) -> list[Claim]:
    """Return what is to be proven: by the files that dpkg's word alone would excuse, and by each changed version."""
    rows: dict[Key, list[Row]] = {}
    for row in _before(comparison) if comparison.before else _first_time(comparison):
        key = key_of(comparison.now, str(row.get("package", ""))) or (str(row.get("package")), "", "")
        rows.setdefault(key, []).append(row)
    for key in _changed_versions(comparison):
        rows.setdefault(key, [])
    return [Claim(key, tuple(found)) for key, found in sorted(rows.items())]


def _before(comparison: Comparison) -> Iterator[Row]:
    for _path, old, new in _changed_files(comparison):
        if new is not None and _from_package(comparison, old, new):
            yield new


def _first_time(comparison: Comparison) -> Iterator[Row]:
    """Without a baseline: what gives root, what starts by itself below /etc, and what everything here relies on.

    A list of files never names a configuration file below /etc: one that does was forged. Those that dpkg's status
    names excuse nothing here, and half of all packages would have to be fetched for them.
    """
    runs = {key[0] for key in comparison.now.of("runtime")}
    for row in having(comparison.now.of("file"), "package_ok"):
        path = str(row["path"])
        wanted = row.get("area") == "privileged" or path in _JUDGES or path in runs or path.startswith("/etc/")
        if row["package_ok"] and not row.get("conffile") and (wanted or int(row.get("mode", 0)) & 0o6000):
            yield row


def _changed_versions(comparison: Comparison) -> Iterator[Key]:
    if comparison.before is None:
        return
    before = comparison.before.of("package")
    for key, row in comparison.now.of("package").items():
        if before.get(key, {}).get("version") != row["version"]:
            yield str(row["name"]), str(row["architecture"]), str(row["version"])


# --- judgement ----------------------------------------------------------------------------------------------------


def judged(comparison: Comparison, proven: Truth, claimed: Iterable[Claim]) -> tuple[Comparison, list[Finding]]:
    """Return the comparison without the excuses that are not true, and a finding for each of them."""
    verdict = _Verdict(comparison, proven)
    for claim in claimed:
        verdict.take(claim)
    return verdict.comparison(), verdict.found()


_SOURCES = {"signed index": Seen.SIGNED_INDEX, "patch run": Seen.PATCH_RUN}  # where a version is known from


class _Verdict:
    """The accumulator of :func:`judged`."""

    def __init__(self, comparison: Comparison, proven: Truth) -> None:
        self._comparison, self._proven = comparison, proven
        self._rows: dict[tuple[object, ...], Row] = {}
        self._packages: dict[tuple[object, ...], Row | None] = {}
        self._findings: list[Finding] = []
        self._unproven: list[str] = []

    def comparison(self) -> Comparison:
        """Return the comparison with the corrected snapshot."""
        now = self._comparison.now
        packages = {**now.of("package"), **self._packages}
        rows: dict[str, Any] = {
            **now.rows,
            "file": Corrected(now.of("file"), self._rows),
            "package": {key: row for key, row in packages.items() if row is not None},
        }
        return replace(self._comparison, now=replace(now, rows=rows))

    def found(self) -> list[Finding]:
        """Return the findings; one for all that could not be proven."""
        if self._unproven:
            severity = HIGH if self._comparison.before else LOW
            self._findings.append(
                self._comparison.find(
                    "package.unproven",
                    severity,
                    "package",
                    "dpkg",
                    seen=self._proven.why or phrase(Seen.NOT_IN_ARCHIVE),
                    expected=phrase(Seen.AS_IN_ARCHIVE),
                    evidence={"packages": sorted(self._unproven)},
                )
            )
        return self._findings

    def take(self, claim: Claim) -> None:
        """Judge one package."""
        key, proven = claim.key, self._proven
        if key in proven.files:
            self._compare(claim, proven.files[key])
        elif key in proven.versions:
            self._on_our_word(claim, proven.versions[key])
        elif self._comparison.before is None:
            self._compare_names(claim, proven.others.get(key, {}))
            self._unproven.append(_key_text(key))
        elif proven.why:
            self._unproven.append(_key_text(key))
        else:
            self._unknown(claim)

    def _compare(self, claim: Claim, files: Mapping[str, Packaged]) -> None:
        for row in claim.rows:
            old = self._old(row)
            entry = files.get(str(row["path"])) or self._diverted(row, old, files)
            if entry is None:
                self._refute(row, claim, phrase(Seen.NOT_IN_PACKAGE), owned=False)
            elif entry.sha256 != row.get("sha256"):
                self._refute(row, claim, entry.sha256)
            elif why := self._wrong_rights(row, old, entry):
                self._refute(row, claim, why)

    def _diverted(self, row: Row, old: Row | None, files: Mapping[str, Packaged]) -> Packaged | None:
        """A file that dpkg keeps under another name: known so to the baseline, and of the package's content."""
        if self._comparison.before is not None and (old is None or not old.get("package")):
            return None
        return next((entry for entry in files.values() if entry.sha256 == row.get("sha256")), None)

    def _wrong_rights(self, row: Row, old: Row | None, entry: Packaged) -> str:
        allowed = entry.mode | (int(old.get("mode", 0)) if old else 0)
        if int(row.get("mode", 0)) & 0o6022 & ~allowed and not entry.scripted:
            return f"{entry.uid}:{entry.gid} {entry.mode:04o}"
        return ""

    def _on_our_word(self, claim: Claim, source: str) -> None:
        """The version is known, the package could not be fetched: no new root's right is taken on that."""
        if claim.rows and (source == "signed index" or self._comparison.before is None):
            self._unproven.append(_key_text(claim.key))
        for row in claim.rows:
            old = self._old(row)
            if int(row.get("mode", 0)) & 0o6000 and (old is None or old.get("mode") != row.get("mode")):
                self._refute(row, claim, phrase(Seen.NOT_COMPARED, source=phrase(_SOURCES[source])))

    def _compare_names(self, claim: Claim, files: Mapping[str, Packaged]) -> None:
        """An old version that the archive has dropped: its content can't be known, but a file that it never had can."""
        for row in claim.rows:
            if files and str(row["path"]) not in files and self._diverted(row, None, files) is None:
                self._refute(row, claim, phrase(Seen.NOT_IN_PACKAGE), owned=False)

    def _unknown(self, claim: Claim) -> None:
        name, architecture, version = claim.key
        old = self._comparison.before.of("package").get((name, architecture)) if self._comparison.before else None
        self._packages[name, architecture] = old
        for row in claim.rows:
            self._rows[row["path"],] = {**row, "package_ok": False}
        self._findings.append(
            self._comparison.find(
                "package.unknown",
                HIGH,
                "package",
                name,
                expected=str(old["version"]) if old and "version" in old else phrase(Seen.NOT_INSTALLED),
                seen=version,
                evidence={"files": [row["path"] for row in claim.rows]},
            )
        )

    def _refute(self, row: Row, claim: Claim, expected: TextOrCode, owned: bool = True) -> None:
        known = {name: value for name, value in row.items() if owned or name != "package"}
        self._rows[row["path"],] = {**known, "package_ok": False}
        action = _reinstall(row) if owned else change.move(row)
        self._findings.append(
            self._comparison.find(
                "package.forged",
                CRITICAL,
                "file",
                str(row["path"]),
                expected=expected,
                seen=change.state(row),
                evidence=change.evidence(row, claimed=_key_text(claim.key)),
                action=action,
            )
        )

    def _old(self, row: Row) -> Row | None:
        return self._comparison.before.file(str(row["path"])) if self._comparison.before else None


def _key_text(key: Key) -> str:
    return " ".join(part for part in (key[0], key[2]) if part)
