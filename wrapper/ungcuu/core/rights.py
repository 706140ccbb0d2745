"""Who else on this machine may write what ungcuu goes by, or read what it keeps secret: then nothing is done.

1. The state folder and the inventory decide which host is reached, with which key, and what is known as good. Whoever
   can write there, or exchange a folder above, gives the orders.
2. A key or a password that others can read is no secret any more, whatever is done next.
"""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterable
from pathlib import Path

from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings


def require_own(path: Path) -> None:
    """Refuse a folder or file that anybody can write to, or exchange; one that is not there yet passes.

    Raises:
        ControllerFault: It names what is open, and the command that closes it.
    """
    place = path.resolve()
    for one in (place, *place.parents):
        try:
            facts = one.stat()
        except OSError:
            continue
        shared = one != place and facts.st_mode & stat.S_ISVTX  # as /tmp: a name there can't be taken by others
        if facts.st_mode & stat.S_IWOTH and not shared:
            raise ControllerFault(
                _("Anybody on this machine can write to {path}.").format(path=one),
                _("Nothing was touched."),
                _("See whether what lies there is still yours, then: {command}").format(
                    command=f"chmod o-w {shlex.quote(str(one))}"
                ),
            )


def require_secret(paths: Iterable[Path]) -> None:
    """Refuse secret files that others can read or write.

    Raises:
        ControllerFault: It names the file, and the command that closes it.
    """
    for path in paths:
        try:
            facts = path.stat()
        except OSError:
            continue
        if stat.S_ISREG(facts.st_mode) and facts.st_mode & 0o077:
            raise ControllerFault(
                _("Others on this machine can read {path}, which holds a secret.").format(path=path),
                _("Nothing was touched."),
                _("Replace the secret if others use this machine, then: {command}").format(
                    command=f"chmod 600 {shlex.quote(str(path))}"
                ),
            )


def require_state(settings: Settings) -> None:
    """Refuse a state folder that others can write to, and keys in it that others can read.

    Raises:
        ControllerFault: as above.
    """
    require_own(settings.state)
    require_secret(path for path in settings.keys.glob("*") if path.suffix != ".pub")
