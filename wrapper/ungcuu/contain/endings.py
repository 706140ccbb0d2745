"""How a cut ended, and what a re-assessment found: the codes that records hold. Little is imported: the cut does."""

from __future__ import annotations

from enum import StrEnum


class CutEnding(StrEnum):
    """How the cut of one host ended, by what came back over the connection that made it."""

    CUT = "cut"
    REFUSED = "refused"
    NOT_REACHED = "not reached"
    NOT_SENT = "not sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Reassessed(StrEnum):
    """What a re-assessment found; ``ROOT_LOST``: nothing more, and that proves nothing."""

    CLEAN = "clean"
    NOT_CLEAN = "not clean"
    ROOT_LOST = "root lost"
