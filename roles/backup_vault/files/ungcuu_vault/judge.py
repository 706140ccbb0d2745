"""The verdict on the code in a point: clean, suspect (which files, why) or not judged (why). Pure but for `verdict_of`.

Code, pages and links of the web root are what the baseline says that was valid when the point was taken; a later
baseline, a file that ungcuu itself put there and a person's word excuse a file too. Writable folders hold no code.
Without a baseline the content rules alone look for what gives a web shell away, and the point stays "not judged".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ungcuu.detect import heuristics
from ungcuu_vault.common import now, stamp
from ungcuu_vault.known import FileList, Known
from ungcuu_vault.look import Places, Row

CLEAN, SUSPECT, NOT_JUDGED = "clean", "suspect", "not judged"
NAMED = 50  # files that the ledger names
SHOWN = 300  # characters of a path there: who chose the names must not make the list too long to be read
# What runs in the visitor's browser. Texts and styles are left out: a site writes its own sitemap.
_PAGE = re.compile(r"\.(?:html?|xhtml|shtml|m?js|svg)$", re.IGNORECASE)
WORDS = {
    "code-added": "code that the baseline does not know:",
    "code-changed": "code that is not as the baseline knows it:",
    "page-added": "a page that the baseline does not know:",
    "page-changed": "a page that is not as the baseline knows it:",
    "link-added": "a link that the baseline does not know:",
    "link-changed": "a link that is not as the baseline knows it:",
    "link-out": "a link out of the web root:",
    "device": "a device or pipe:",
    "content": "code that looks like a web shell:",
    "hidden-links": "a page with hidden or gambling links:",
    "upload-code": "a program among uploads:",
    "upload-program": "a program among uploads:",
    "upload-server-file": "a server's settings among uploads:",
    "upload-rights": "a file that takes its owner's rights among uploads:",
    "upload-link": "a link out of the web root:",
    "config-runs-code": "configuration that runs other code:",
    "hostile": "a file that was found to be hostile:",
}


def vouched(known: Known, moment: str, path: str, digest: str) -> bool:
    """Whether something known says that this file is right in a point of that moment."""
    valid = known.valid(moment)
    lists = [*([valid] if valid else []), *known.later(moment)]
    return (
        any(one.files.get(path, ("", ""))[1] == digest for one in lists)
        or known.ours.get(path) == digest
        or digest in known.accepted.get(path, ())
    )


def verdict(
    point: Mapping[str, Any], rows: Mapping[str, Row], known: Known, where: Places, bad: Sequence[str] = ()
) -> dict[str, Any]:
    """The verdict as the ledger keeps it; `suspects` names the first 50, `digests` (all) is not for the ledger."""
    moment = str(point["time"])
    basis = _basis(point, rows, known, where)
    found: list[dict[str, Any]] = []
    digests: dict[str, str] = {}
    accepted = others = 0
    for path, row in sorted(rows.items()):
        digest = str(row.get("hash", ""))
        if digest in bad:
            rule = "hostile"
        elif digest and vouched(known, moment, path, digest):
            accepted += digest in known.accepted.get(path, ())
            continue
        else:
            rule = _rule(row, basis, where)
        others += not rule and row["area"] == "web"
        if rule:
            found.append({"path": path[:SHOWN], "rule": rule, "signs": list(row.get("signs", ()))[:5]})
            digests[path] = digest
    return {
        "verdict": SUSPECT if found else CLEAN if basis else NOT_JUDGED,
        "why": "" if found or basis else "no baseline",
        "baseline": basis.brief() if basis else None,
        "suspects": found[:NAMED],
        "total": len(found),
        "digests": digests,
        "accepted": accepted,
        "others": others if basis else 0,
        **_looked_at(point, rows),
    }


def not_judged(why: str, detail: str = "") -> dict[str, Any]:
    """A verdict that none could be found, and why."""
    return {"verdict": NOT_JUDGED, "why": why, "detail": detail, "time": stamp(now())}


def _looked_at(point: Mapping[str, Any], rows: Mapping[str, Row]) -> dict[str, Any]:
    """How much was looked at, and by which rules."""
    return {
        "time": stamp(now()),
        "files": int(point["counts"]["files"]),
        "bytes": int(point.get("sizes", {}).get("files", 0)),
        "code": sum(_is_checked(row) for row in rows.values() if row["area"] == "web"),
        "rules": len(heuristics.PATTERNS),
    }


def _basis(point: Mapping[str, Any], rows: Mapping[str, Row], known: Known, where: Places) -> FileList | None:
    """The list that the point is compared with: the one of its time, or a later one that knows all of its code."""
    valid = known.valid(str(point["time"]))
    if valid is not None:
        return valid if any(path.startswith(where.root + "/") for path in valid.files) else None
    checked = [row for row in rows.values() if row["area"] == "web" and _is_checked(row)]
    for one in known.later(str(point["time"])):
        if checked and all(one.files.get(row["path"], ("", ""))[1] == row.get("hash") for row in checked):
            return one
    return None


def _is_checked(row: Row) -> bool:
    """Whether the baseline's word is asked of it: what the server runs or hands out as a page, and every link."""
    return row["type"] != "file" or _is_code(row) or bool(_PAGE.search(row["path"]))


def _is_code(row: Row) -> bool:
    names = (heuristics.CODE_NAME, heuristics.SERVER_NAME, heuristics.GIT_NAME)
    named = any(name.search(row["path"]) for name in names)
    return bool(named or set(row.get("marks", ())) - {"short-tag"})


def _rule(row: Row, basis: FileList | None, where: Places) -> str:
    """What speaks against a file for which nothing known vouches; empty for nothing."""
    if row["type"] == "other":
        return "device"
    if row["area"] == "upload":
        return _upload(row, where)
    if row["area"] == "config":
        return "config-runs-code" if row.get("runs") and basis else ""
    if row.get("hidden"):
        return "hidden-links"
    return _unknown(row, where) if basis is None else _other_than(row, basis)


def _unknown(row: Row, where: Places) -> str:
    """The same where no baseline says what is right: what gives itself away."""
    if row["type"] == "link":
        return "link-out" if _leaves(row, where.root) else ""
    return "content" if row.get("signs") else ""


def _other_than(row: Row, basis: FileList) -> str:
    """The same for a file of the web root that is not as the baseline knows it."""
    if not _is_checked(row):
        return ""
    kind = "link" if row["type"] == "link" else "code" if _is_code(row) else "page"
    return f"{kind}-{'changed' if row['path'] in basis.files else 'added'}"


def _upload(row: Row, where: Places) -> str:
    """A writable folder holds media."""
    path, marks = row["path"], set(row.get("marks", ()))
    if row["type"] == "link":
        return "upload-link" if _leaves(row, where.root) else ""
    if heuristics.SERVER_NAME.search(path):
        return "upload-server-file"
    short = "short-tag" in marks and (row.get("weight", 0) >= heuristics.ENOUGH or heuristics.CODE_NAME.search(path))
    if marks & {"php", "phar"} or short:
        return "" if row.get("idle") and not row.get("signs") else "upload-code"
    if marks & {"elf", "script"} or (heuristics.CODE_NAME.search(path) and row.get("size", 0)):
        return "upload-program"
    return "upload-rights" if row.get("rights") else ""


def _leaves(row: Row, root: str) -> bool:
    """Whether a link leads out of the web root."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(row["path"]), row["hash"]))
    return target != root and not target.startswith(root + "/")


def in_words(found: Mapping[str, Any]) -> str:
    """What speaks against the code of a point, for the vault's own messages."""
    if found.get("verdict") != SUSPECT:
        return ""
    named = [f"{WORDS.get(row['rule'], row['rule'])} {row['path']}" for row in found["suspects"][:5]]
    more = f" and {found['total'] - len(named)} more" if found["total"] > len(named) else ""
    return ", ".join(named) + more
