"""Writes docs/reference/implants.md, the table of implants that are planted and found: ``python … update``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "wrapper" / "tests" / "integration"))

import implants  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "implants.md"
GROUPS = {
    "Scheduled work": implants.SCHEDULED,
    "Units": implants.UNITS,
    "What runs at start, login or update": implants.STARTUP,
    "Packages": implants.PACKAGES,
    "Who may come in, and as whom": implants.ACCESS,
    "Code that other programs load": implants.CODE,
    "Network": implants.NETWORK,
    "What runs": implants.RUNNING,
    "Website": implants.WEBSITE,
    "Database and application": implants.DATABASE,
}
HEAD = """\
# Implants that a scan finds

Written by `python wrapper/tests/tools/implants_page.py update` from `wrapper/tests/integration/implants.py`. Each line
is planted on a real host (inert, written by us) and found by one scan against the baseline; `test_implants.py` does
it. After an ordinary day (packages, cron, a post with a picture, a ban) the same scan finds nothing above *low*. What a
scan can't see stands in [findings](findings.md#what-a-scan-cant-see).
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for title, rows in GROUPS.items():
        parts.append(f"\n## {title}\n\n| place | rule | at least |\n| --- | --- | --- |\n")
        parts += [f"| {row.place} | `{row.rule}` | {row.severity} |\n" for row in rows]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
