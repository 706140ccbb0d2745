"""Compare two snapshots of a host and say what should not be there. Pure: no host, no file, no clock.

A snapshot holds claims of a host that may be under an intruder's hand. They decide what is reported, never a path or a
command on the controller.
"""

from __future__ import annotations

from collections.abc import Sequence

from ungcuu.detect.access import accounts, groups, lines
from ungcuu.detect.comparison import Comparison, Detector
from ungcuu.detect.files import files, interesting
from ungcuu.detect.readers import readers, runtime
from ungcuu.detect.running import database, listeners, modules, packages, processes, reading, units
from ungcuu.findings import Finding

__all__ = ["DETECTORS", "detect", "interesting", "readers"]

DETECTORS: Sequence[Detector] = (
    files, lines, accounts, groups, units, listeners, processes, modules, packages, database, reading, runtime,
)  # fmt: skip


def detect(comparison: Comparison) -> list[Finding]:
    """Return everything that should not be there."""
    return [found for detector in DETECTORS for found in detector(comparison)]
