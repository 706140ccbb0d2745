"""Judges of the website's own files: writable folders, and the document root outside them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import phrase
from ungcuu.detect import change, heuristics, verdicts
from ungcuu.detect.baseline import Row
from ungcuu.detect.comparison import ABSENT, CRITICAL, GONE, HIGH, MEDIUM, Comparison
from ungcuu.detect.findings import Do, Finding

_CODE, _PAGE, _SERVER_FILE = heuristics.CODE_NAME, heuristics.PAGE_NAME, heuristics.SERVER_NAME
_GIT = heuristics.GIT_NAME


def upload(comparison: Comparison, path: str, _old: Row | None, new: Row | None) -> Iterator[Finding]:
    """A writable folder holds media. What is judged is the content, then the name."""
    if new is None:
        return
    marks, data = set(new.get("marks", [])), comparison.data(path)
    verdict = verdicts.of_code(path, data) if marks & {"php", "short-tag", "phar"} else heuristics.Verdict()
    code = bool(marks & {"php", "phar"}) or (verdict.suspicious and "short-tag" in marks)
    evidence = change.evidence(new, marks=sorted(marks), signs=list(verdict.names), excerpt=verdict.excerpt)
    # Beside the root the web server may be set up in its own way, and programs may lie: a first baseline takes both.
    first = comparison.before is None and comparison.policy.is_beside(path)
    if new.get("type") not in ("file", "dir"):
        target = new.get("target", "")
        outside = not comparison.policy.in_uploads(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
        severity = HIGH if new["type"] == "link" and outside else MEDIUM
        if first:
            return
        yield comparison.find(
            "upload.link", severity, "file", path, seen=target, evidence=evidence, action=change.move(new)
        )
    elif _SERVER_FILE.search(path):
        severity = CRITICAL if heuristics.changes_server(data) or code else MEDIUM
        if first and severity is MEDIUM:
            return
        yield comparison.find("upload.server-file", severity, "file", path, evidence=evidence, action=change.move(new))
    elif code or (_CODE.search(path) and "short-tag" in marks):
        if not verdict.names and data and heuristics.only_remarks(data):
            return
        # A first baseline takes what the application itself keeps there, by its hash, as it takes the code elsewhere.
        # What it compiles again at any time no baseline knows: its content alone is judged, then and later.
        policy = comparison.policy
        own = policy.compiles_to(path) or (comparison.before is None and policy.holds_code(path))
        if own and data and not verdicts.of_code(path, data).suspicious:
            return
        yield comparison.find(
            "upload.code",
            CRITICAL,
            "file",
            path,
            expected=phrase(Seen.MEDIA_ONLY),
            seen=verdict.excerpt,
            evidence=evidence,
            action=change.move(new),
        )
    elif marks & {"elf", "script"} or (_CODE.search(path) and new.get("size", 0)):
        if first:
            return
        yield comparison.find("upload.program", HIGH, "file", path, evidence=evidence, action=change.move(new))
    elif new.get("mode", 0) & 0o6000 and new.get("type") == "file":
        yield comparison.find("privilege.file", CRITICAL, "file", path, evidence=evidence, action=change.move(new))


def web(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """The document root outside writable folders is exactly what it was."""
    data = comparison.data(path)
    is_code = _is_code(path, new)
    verdict = (
        verdicts.of_code(path, data)
        if is_code
        else heuristics.hidden_links(data)
        if _PAGE.search(path)
        else heuristics.Verdict()
    )
    evidence = change.evidence(new or old, signs=list(verdict.names), excerpt=verdict.excerpt)
    if new is not None and (links := heuristics.hidden_links(data)).suspicious:
        action = change.move(new) if old is None else {"do": Do.RESTORE.value}
        yield comparison.find(
            "content.hidden-link",
            CRITICAL,
            "file",
            path,
            seen=links.excerpt,
            action=action,
            evidence=change.evidence(new, signs=list(links.names)),
        )
    if new is None:
        if old is not None and old.get("type") != "dir":
            yield comparison.find(
                "web.removed",
                MEDIUM,
                "file",
                path,
                expected=phrase(Seen.PRESENT),
                seen=GONE,
                evidence=evidence,
                action={"do": Do.RESTORE.value},
            )
        return
    if old is None:
        yield from _web_added(comparison, path, new, verdict, evidence)
        return
    same_content = all(old.get(name) == new.get(name) for name in ("type", "sha256", "target"))
    rule = "web.rights" if same_content else "web.changed"
    severity = MEDIUM if same_content else CRITICAL if verdict.suspicious else HIGH
    yield comparison.find(
        rule,
        severity,
        "file",
        path,
        expected=change.rights(old) if same_content else old.get("sha256", old["type"]),
        seen=change.rights(new) if same_content else new.get("sha256", new["type"]),
        evidence=evidence,
        action=change.mode(path, old, new) if same_content else {"do": Do.RESTORE.value},
    )


def unknown(comparison: Comparison, path: str, _old: Row | None, new: Row | None) -> Iterator[Finding]:
    """A file of the website that no baseline knows: what gives itself away by its bytes."""
    data = comparison.data(path)
    if new is None or not data:
        return
    verdict = verdicts.of_unknown(path, data)
    if verdict.suspicious:
        yield comparison.find(
            "content.code",
            CRITICAL if verdict.sure else HIGH,
            "file",
            path,
            seen=verdict.excerpt,
            evidence=change.evidence(new, signs=list(verdict.names), excerpt=verdict.excerpt),
            action={"do": Do.RESTORE.value},
        )
    elif _PAGE.search(path) and (links := heuristics.hidden_links(data)).suspicious:
        yield comparison.find(
            "content.hidden-link",
            CRITICAL,
            "file",
            path,
            seen=links.excerpt,
            action={"do": Do.RESTORE.value},
            evidence=change.evidence(new, signs=list(links.names)),
        )


def may_act(path: str, row: Row) -> bool:
    """Whether the server runs a file, a browser shows it, or it holds code: of others the bytes say nothing."""
    return bool(_is_code(path, row) or _PAGE.search(path) or row.get("marks"))


def _is_code(path: str, row: Row | None) -> bool:
    """Whether the server runs it, or it says how the server runs things."""
    return bool(
        _CODE.search(path)
        or _SERVER_FILE.search(path)
        or _GIT.search(path)
        or set((row or {}).get("marks", [])) - {"short-tag"}
    )


def _web_added(
    comparison: Comparison, path: str, new: Row, verdict: heuristics.Verdict, evidence: Mapping[str, object]
) -> Iterator[Finding]:
    kind, is_code = new.get("type"), _is_code(path, new)
    if kind == "dir" and not comparison.policy.in_uploads(path):
        return
    rule, severity = "web.file-added", MEDIUM
    if is_code or kind == "link":
        rule, severity = "web.code-added", CRITICAL if verdict.suspicious else HIGH
    elif _PAGE.search(path):
        rule, severity = "web.page-added", HIGH
    yield comparison.find(
        rule,
        severity,
        "file",
        path,
        expected=ABSENT,
        seen=verdict.excerpt,
        evidence=evidence,
        action=change.move(new),
    )
