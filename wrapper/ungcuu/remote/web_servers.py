"""The running configuration of nginx and Apache, as they themselves put it together.

Part of programs that run on a host: standard library only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ungcuu.remote.bounded import left_out, printed, text_of


def nginx() -> dict[str, Any]:
    """The configuration as nginx itself puts it together."""
    if not Path("/usr/sbin/nginx").exists():
        return {}
    return {"text": printed("nginx", "-T")}


_DUMPS = [word for what in ("INCLUDES", "VHOSTS", "RUN_CFG", "MODULES") for word in ("-D", f"DUMP_{what}")]


def apache() -> dict[str, Any]:
    """The files that Apache itself says it reads, and what it says of its hosts, modules and account."""
    if not Path("/usr/sbin/apache2ctl").exists():
        return {}
    said = printed("apache2ctl", "-t", *_DUMPS)
    names = re.findall(r"^\s*\([^)]*\) (/.+)$", said, re.MULTILINE)[:1000]
    if not names:  # it does not start with this configuration: the files stand in Debian's places all the same
        names = [str(path) for path in Path("/etc/apache2").glob("**/*.conf")][:1000]
        said = "\n".join(f" {path.stem}_module" for path in Path("/etc/apache2/mods-enabled").glob("*.load"))
    files = {}
    for path in names:
        text = text_of(path)
        if text is None:
            left_out(path, "can't be read")
        elif not path.endswith(".load"):
            files[path] = text
    return {"files": files, "said": said}
