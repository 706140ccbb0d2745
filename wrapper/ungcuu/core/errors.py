"""The exception tree: each class of failure has its own exit code and says three things to the user.

What failed, what state the host is in now, and the next command. docs/reference/exit-codes.md lists the codes; a test
compares the two.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """How a run ended. A lost connection is UNKNOWN: the remote effect may have happened."""

    DONE = "DONE"
    NOT_DONE = "NOT DONE"
    UNKNOWN = "UNKNOWN"


class Exit(IntEnum):
    """Exit codes of ``ungcuu``, one for each class of failure."""

    OK = 0  # done as asked
    FAULT = 1  # a fault in ungcuu itself
    USAGE = 2  # the command line was not understood
    INVENTORY = 3  # no inventory, no such host in it, or something in it is wrong
    REFUSED = 4  # refused before anything was touched: not confirmed, or a precondition is missing
    UNREACHABLE = 5  # the host could not be reached; nothing was changed
    NOT_DONE = 6  # a step failed; the run stopped there
    UNKNOWN = 7  # the connection was lost or the run stopped midway; the change may or may not have happened
    LOCKED = 8  # another run holds the host
    HOST_KEY = 9  # the host's key is unknown or has changed
    NOT_VERIFIED = 10  # the checks on the host failed
    JOURNAL = 11  # the journal can't be written: nothing was done
    TAMPERED = 12  # the journal, evidence or baseline does not match its hashes and signatures
    FOUND = 13  # it did its work and found something wrong on the host, or in the restore point that it made
    CONTROLLER = 14  # something is missing on this machine: a program, disk space, a state folder
    INTERRUPTED = 130  # stopped by Ctrl-C
    TERMINATED = 143  # stopped by SIGTERM


class UngcuuError(Exception):
    """A failure to report to the user: what failed, the state the host is in now, the next command."""

    code: ClassVar[Exit] = Exit.FAULT
    outcome: ClassVar[Outcome] = Outcome.NOT_DONE

    def __init__(self, what: str, state: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.state = state
        self.fix = fix


class UsageFault(UngcuuError):
    """The command line does not make sense."""

    code = Exit.USAGE


class InventoryError(UngcuuError):
    """No inventory, an unreadable one, or a host that it does not hold."""

    code = Exit.INVENTORY


class Refused(UngcuuError):
    """A precondition is missing; nothing was touched."""

    code = Exit.REFUSED


class Unreachable(UngcuuError):
    """The host could not be reached before anything was changed on it."""

    code = Exit.UNREACHABLE


class StepFailed(UngcuuError):
    """A step failed on the host and the run stopped there."""

    code = Exit.NOT_DONE


class Undetermined(UngcuuError):
    """The connection was lost midway: what was asked may or may not have happened."""

    code = Exit.UNKNOWN
    outcome = Outcome.UNKNOWN


class Locked(UngcuuError):
    """Another run holds the host."""

    code = Exit.LOCKED


class HostKeyMismatch(UngcuuError):
    """The host's key is unknown or differs from the pinned one."""

    code = Exit.HOST_KEY


class NotVerified(UngcuuError):
    """The checks on the host failed."""

    code = Exit.NOT_VERIFIED


class JournalError(UngcuuError):
    """The journal can't be written, so nothing is done on a host."""

    code = Exit.JOURNAL


class Tampered(UngcuuError):
    """A journal, a piece of evidence or a baseline differs from what was signed."""

    code = Exit.TAMPERED


class ControllerFault(UngcuuError):
    """This machine lacks something: a program, disk space, a writable state folder."""

    code = Exit.CONTROLLER


class Stopped(UngcuuError):
    """A person stopped it before anything was begun."""

    code = Exit.INTERRUPTED


class Terminated(BaseException):
    """SIGTERM arrived; not an ``Exception``, so that nothing on the way swallows it."""
