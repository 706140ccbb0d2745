"""Compare two snapshots of a host and say what should not be there. Pure: no host, no file, no clock.

A snapshot holds claims of a host that may be under an intruder's hand. They decide what is reported, never a path or a
command on the controller.
"""

from __future__ import annotations

from collections.abc import Sequence

from ungcuu.detect.access import accounts, groups, lines
from ungcuu.detect.comparison import Comparison, Detector
from ungcuu.detect.coverage import coverage
from ungcuu.detect.data import bytecode, package_records
from ungcuu.detect.database import database
from ungcuu.detect.facts import facts
from ungcuu.detect.files import files, interesting
from ungcuu.detect.findings import Finding
from ungcuu.detect.processes import processes
from ungcuu.detect.readers import readers, runtime
from ungcuu.detect.running import listeners, modules, packages, reading, units

__all__ = ["DETECTORS", "detect", "interesting", "readers"]

DETECTORS: Sequence[Detector] = (
    files, bytecode, package_records, lines, accounts, groups, units, listeners, processes, modules, facts, packages,
    database, coverage, reading, runtime,
)  # fmt: skip # a table


def detect(comparison: Comparison) -> list[Finding]:
    """Return everything that should not be there."""
    return [found for detector in DETECTORS for found in detector(comparison)]
