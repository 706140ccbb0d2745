"""The audit of one host as its documents: JSON for the next audit and for programs, HTML for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import make_private, put
from ungcuu.core.i18n import _, language
from ungcuu.core.templates import html_environment
from ungcuu.core.terminal import clean
from ungcuu.prepare.audit import FAIL, NOT_ASSESSED, STATUSES, Audit
from ungcuu.recover.restore_points import known_backups
from ungcuu.report import backups
from ungcuu.report.format import zone, zone_name


def keep(audit: Audit, folder: Path) -> tuple[Path, Path]:
    """Write the audit as JSON and HTML into the host's folder; the dated JSON copies stay. Gives both paths."""
    make_private(folder / "audits")
    known = backups.section([known_backups(audit.host, folder)])[0]
    text = json.dumps(audit.as_data() | {"backups": known}, ensure_ascii=False, indent=1) + "\n"
    stamp = audit.time.replace(":", "").replace("-", "")[:15]
    document, page = folder / "audit.json", folder / "audit.html"
    for path, content in ((folder / "audits" / f"{stamp}.json", text), (document, text), (page, render(audit, known))):
        put(path, content)
    return document, page


def render(audit: Audit, backups: Mapping[str, Any]) -> str:
    """The report as one HTML page: everything that a host said is escaped, nothing is fetched.

    ``backups`` is one entry of ``report.backups.section``: whoever signs sees them.
    """
    environment = html_environment()
    environment.filters["clean"] = lambda text: clean(str(text), 400)
    environment.filters["moment"] = lambda text: (
        f"{datetime.fromisoformat(text).astimezone(zone()):%d/%m/%Y %H:%M} ({zone_name()})"
    )
    failed = [row for row in audit.rows if row.status == FAIL]
    unassessed = [row for row in audit.rows if row.status == NOT_ASSESSED]
    rest = [row for row in audit.rows if row.status not in (FAIL, NOT_ASSESSED)]
    last = _("Everything else") if failed or unassessed else _("All controls")
    return environment.get_template("audit.html.j2").render(
        audit=audit,
        _=_,
        language=language(),
        statuses=STATUSES,
        tables=[(_("What fails"), failed), (_("What was not assessed"), unassessed), (last, rest)],
        backups=backups,
        states={"enforce": _("enforced"), "audit": _("checked only"), "off": "–"},
    )
