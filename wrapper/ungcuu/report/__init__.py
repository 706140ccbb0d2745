"""The report of a case: pure, from journal to document.

1. It shows only what the journal proves, what the evidence says and what the vault last reported, each named as such;
   what is missing is named as missing.
2. Every value goes through ``screen.clean`` and HTML escaping on its way out, whoever wrote it.
3. The document is one file: no script, no remote address, and a policy inside it that forbids both.
"""

from ungcuu.report.document import render, write_report
from ungcuu.report.format import (
    attempt,
    deed,
    pairs,
    shown_bytes,
    shown_seconds,
    shown_time,
    shown_utc,
    word,
    zone,
    zone_name,
)
from ungcuu.report.model import build, tlp_of
from ungcuu.report.runs import RunRecords, by_run

__all__ = [
    "RunRecords",
    "attempt",
    "build",
    "by_run",
    "deed",
    "pairs",
    "render",
    "shown_bytes",
    "shown_seconds",
    "shown_time",
    "shown_utc",
    "tlp_of",
    "word",
    "write_report",
    "zone",
    "zone_name",
]  # fmt: skip # a table
