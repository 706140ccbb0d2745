"""Judges of what root's programs read: the distribution's data files, compiled Python code, and dpkg's own records."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import phrase
from ungcuu.detect import change
from ungcuu.detect.baseline import Row, Snapshot
from ungcuu.detect.comparison import CRITICAL, HIGH, LOW, MEDIUM, Comparison
from ungcuu.detect.file_rows import having
from ungcuu.detect.findings import Do, Finding, Severity
from ungcuu.detect.places import GENERATED, TEXTS, place_of

_SCRIPT = re.compile(r"\.(?:preinst|postinst|prerm|postrm|config)$")
_WHOLE = ("/usr/share/", "/usr/lib/")  # every file below is read: what is not there does not exist
_DEBS = re.compile(r"^[a-z0-9][a-z0-9.+-]{1,100}(?::[a-z0-9]{2,12})?$")


def version(snapshot: Snapshot, package: str) -> str:
    """Return the versions of a package, every architecture."""
    name = package.partition(":")[0]
    return " ".join(sorted(row["version"] for key, row in snapshot.of("package").items() if key[0] == name))


def packages_changed(comparison: Comparison) -> bool:
    """Whether anything was installed, removed or updated since the baseline."""
    before = comparison.before
    return before is not None and before.of("package") != comparison.now.of("package")


def updated(comparison: Comparison, package: str) -> bool:
    """Whether this package has another version than in the baseline."""
    before = comparison.before
    return before is not None and version(before, package) != version(comparison.now, package)


def data(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """A file of the distribution that is read: as its package brought it, or as the baseline knows it."""
    row = new or old or {}
    package = str(row.get("package", ""))
    # Compiled code that is the same as its source is judged by that; what differs from it is found by `bytecode`.
    if row.get("bytecode") and (new is None or new.get("bytecode") in ("same", "stale", "differs")):
        return
    if package and updated(comparison, package) and (new is None or new.get("package_ok")):
        return
    if row.get("type") == "link" and link_explained(comparison, path, new):
        return
    rule, severity, gone = _place(comparison, path, package, old, new)
    if new is None and (gone is LOW or (not package and packages_changed(comparison))):
        return
    action = change.move(new) if new is not None and old is None and not package else _reinstall(package, path)
    yield comparison.find_file(
        rule,
        gone if new is None else severity,
        path,
        old,
        new,
        evidence=change.evidence(new or old, bytecode=row.get("bytecode")),
        action=action,
    )


def _place(
    comparison: Comparison, path: str, package: str, old: Row | None, new: Row | None
) -> tuple[str, Severity, Severity]:
    if GENERATED.search(path) and packages_changed(comparison):
        return "program.data", LOW, LOW
    place = place_of(path)
    if new is None:
        return ("program.removed" if package else "program.data"), LOW, LOW if TEXTS.match(path) else MEDIUM
    content = old is None or any(old.get(name) != new.get(name) for name in ("sha256", "target", "type"))
    if not content:
        return "privilege.file", CRITICAL if new.get("mode", 0) & 0o6022 and not _link(new) else MEDIUM, MEDIUM
    if package and not new.get("package_ok") and not TEXTS.match(path):
        return "program.modified", CRITICAL, MEDIUM
    if place is not None and not _link(new):
        return place[1], place[2], place[3]
    return "program.data", MEDIUM, MEDIUM


def _link(row: Row) -> bool:
    return row.get("type") == "link"


def link_explained(comparison: Comparison, path: str, new: Row | None, steps: int = 8) -> bool:
    """Whether a link came or went with a package: packages did change, and it leads to a package's file.

    Or to nothing: packages bring links into others that are only recommended. What is put there later is a file that
    no package has, and a finding of its own.
    """
    if not packages_changed(comparison):
        return False
    if new is None or new.get("type") != "link":
        return new is None or bool(new.get("package_ok"))
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), str(new.get("target", ""))))
    target = "/usr" + target if target.startswith(("/lib", "/bin/", "/sbin/")) else target
    row = comparison.now.file(target)
    if row is None:
        return target.startswith(_WHOLE)
    return steps > 0 and link_explained(comparison, target, row, steps - 1)


def bytecode(comparison: Comparison) -> Iterator[Finding]:
    """Compiled Python code that is not what its source says."""
    for row in having(comparison.now.of("file"), "bytecode"):
        path = str(row["path"])
        if row["bytecode"] == "differs":
            yield comparison.find(
                "program.bytecode",
                CRITICAL,
                "file",
                path,
                expected=phrase(Seen.AS_SOURCE_SAYS),
                seen=str(row.get("sha256", "")),
                evidence=change.evidence(row),
                action=change.move(row),
            )


def _reinstall(package: str, path: str) -> dict[str, object]:
    if not _DEBS.match(package):
        return {"do": Do.PERSON.value}
    return {"do": Do.REINSTALL.value, "package": package, "path": path}


def dpkg_file(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """What dpkg keeps of a package changes with the package's version and never else."""
    package = posixpath.basename(path).rpartition(".")[0]
    if not path.startswith("/var/lib/dpkg/info/"):
        if not packages_changed(comparison):
            yield comparison.find_file(
                "package.record",
                MEDIUM,
                path,
                old,
                new,
            )
        return
    known = comparison.before is not None and version(comparison.before, package)
    if updated(comparison, package):
        return
    script = bool(_SCRIPT.search(path))
    severity = HIGH if script or known else MEDIUM
    yield comparison.find_file(
        "package.script" if script else "package.record",
        severity,
        path,
        old,
        new,
        action=_reinstall(package if known else "", path),
    )


def package_records(comparison: Comparison) -> Iterator[Finding]:
    """What dpkg's status says of a package, where its version is the same as in the baseline."""
    before = comparison.before.of("fact") if comparison.before else {}
    for key, row in comparison.now.of("fact").items():
        old = before.get(key)
        if key[0] != "package-record" or old is None or old.get("detail") == row.get("detail"):
            continue
        if old.get("text") == row.get("text"):
            yield comparison.find(
                "package.record",
                HIGH,
                "package",
                f"/var/lib/dpkg/status {key[1]}",
                expected=str(old.get("detail")),
                seen=str(row.get("detail")),
                action=_reinstall(key[1], "/var/lib/dpkg/status"),
            )
