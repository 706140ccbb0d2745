"""Attacks of an intruder with root on `isolate`: data for the tests, and the table in the documentation.

``python wrapper/tests/integration/isolation_attacks.py update`` writes docs/reference/isolation-attacks.md. The tests
in test_isolate_attacks.py run each row on a real host and hold its ``said`` and ``true`` against it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "isolation-attacks.md"

OPEN, DEAD = "open", "dead"
TRUE = {OPEN: "not isolated: the site's ports answer the intruder", DEAD: "isolated: no port answers the intruder"}


def replaced(path: str, script: str) -> tuple[str, str]:
    """Return shell scripts that put a program of the intruder in the place of one, and take it away again."""
    body = script.replace("'", "'\\''")
    away = f"{path}.real"
    setup = f"mv {path} {away}; printf '%s\\n' '#!/bin/sh' '{body}' > {path}; chmod 755 {path}"
    return setup, f"[ ! -e {away} ] || mv {away} {path}"


@dataclass(frozen=True)
class Attack:
    """One row. ``said`` are texts that isolate must write, ``exits`` the exit codes that are true then.

    ``waits`` says that the host delays: the first true line must come within ten seconds all the same.
    """

    name: str
    setup: str
    undo: str
    true: str
    said: tuple[str, ...]
    exits: tuple[int, ...]
    waits: bool = False


def _attack(name: str, path: str, script: str, **row: Any) -> Attack:
    setup, undo = replaced(path, script)
    return Attack(name, setup, undo, **row)


def _both(*paths: str) -> tuple[str, str]:
    scripts = [replaced(path, HANG) for path in paths]
    return "; ".join(setup for setup, _undo in scripts), "; ".join(undo for _setup, undo in scripts)


HANG = "exec /usr/bin/sleep 1000"
NOT_ISOLATED = "web01 is NOT isolated: ports 80, 443 answer, seen from the controller"
CLAIM = "web01: the host says that it is cut off"
SILENT = "web01: no port answers, seen from the controller, from outside (intruder01)"
ENDLESS = "trap '' TERM PIPE INT HUP\nwhile :; do echo x; /usr/bin/sleep 0.05; done"
RELOADS = """
case "$*" in
    *-c*) exec /usr/sbin/nft.real "$@" ;;
    *list*table*ungcuu_isolation*) cat /run/nft.heard 2>/dev/null || exit 1 ;;
    *-f*) cat > /run/nft.heard ;;
    *) exec /usr/sbin/nft.real "$@" ;;
esac
exit 0"""
JUNK = 'cat > /dev/null; echo \'{"changed": false, "rc": 0, "unit": "enabled"}\''
NFT, SUDO, PYTHON = "/usr/sbin/nft", "/usr/bin/sudo", "/usr/bin/python3"
UNTOUCHED = "was not touched: no rules were sent"
NOT_TAKEN = "Not taken: nothing gets out (on the host)"
RC_DROPIN = "/etc/ssh/sshd_config.d/00-rc.conf"
SSH_ANEW = "systemctl reset-failed ssh; systemctl restart ssh"
RC = (
    "printf 'exec sleep 1000\\n' > ~ungcuu/.ssh/rc; chown ungcuu ~ungcuu/.ssh/rc; "
    f"echo 'PermitUserRC yes' > {RC_DROPIN}; {SSH_ANEW}"
)
RC_AWAY = f"rm -f ~ungcuu/.ssh/rc {RC_DROPIN}; {SSH_ANEW}"
FAKED_SUDO = "echo \"from ${SSH_CONNECTION%% *} 1 2 3\"; echo; echo '== end'; sleep 0.5; echo; echo '== cut'; exit 0"

_NOT_LOADED = {"true": OPEN, "said": (CLAIM, NOT_ISOLATED), "exits": (6,)}
_NOT_SENT = {"true": OPEN, "said": ("did not take the rules", NOT_ISOLATED, UNTOUCHED), "exits": (5,)}
_NO_PYTHON = {"true": DEAD, "said": (CLAIM, SILENT, "Python does not work", NOT_TAKEN), "exits": (0,)}
_NO_SNAPSHOT = {"true": DEAD, "said": (CLAIM, "without a whole snapshot", SILENT), "waits": True}

ATTACKS = (
    _attack("`nft` replaced by `exit 0`", NFT, "cat >/dev/null 2>&1 <&0; exit 0", **_NOT_LOADED),
    _attack("`nft` that loads nothing and lists what it was given", NFT, RELOADS, **_NOT_LOADED),
    _attack("`nft` that hangs", NFT, HANG, true=OPEN, said=(NOT_ISOLATED,), exits=(6,), waits=True),
    _attack("`sudo` that says what the real one would", SUDO, FAKED_SUDO, **_NOT_LOADED),
    _attack("`sudo` that hangs", SUDO, HANG, **_NOT_SENT, waits=True),
    _attack("`sudo` that ends at once", SUDO, "exit 1", **_NOT_SENT),
    Attack("`.ssh/rc` that hangs", RC, RC_AWAY, **_NOT_SENT, waits=True),
    _attack("`ss` without end", "/usr/bin/ss", ENDLESS, **_NO_SNAPSHOT, exits=(6,)),
    _attack("`ps` without end", "/usr/bin/ps", ENDLESS, **_NO_SNAPSHOT, exits=(0,)),
    Attack("`timeout` and `head` that hang", *_both("/usr/bin/timeout", "/usr/bin/head"), **_NO_SNAPSHOT, exits=(0,)),
    _attack("`python3` that ends at once", PYTHON, "exit 1", **_NO_PYTHON),
    _attack("`python3` that hangs", PYTHON, HANG, **_NO_PYTHON, waits=True),
    _attack("`python3` that prints what a program of ungcuu might", PYTHON, JUNK, **_NO_PYTHON),
)

# What happens after an isolation that went well: doctor, case status and scan say it.
LATER = (
    ("the units removed, the host restarted", OPEN, "isolation LOST: ports 80, 443 answer, seen from the controller"),
    ("`nft` that deletes the table 40 s later", OPEN, "isolation LOST: ports 80, 443 answer, seen from the controller"),
    ("sshd killed after the cut", DEAD, "no port answers, seen from the controller, from outside (intruder01)"),
)


def page() -> str:
    """Return docs/reference/isolation-attacks.md."""
    rows = [
        "# Attacks on the isolation, what is said, and what is true\n",
        "The intruder has root and replaces what the isolation uses. Each row is a test on a real host "
        "(`wrapper/tests/integration/test_isolate_attacks.py`); it asks from the intruder's own machine what is true. "
        "Written by `python wrapper/tests/integration/isolation_attacks.py update`.\n",
        "## While it is cut off\n",
        "| attack | what `isolate` says | exit code | what is true |\n| --- | --- | --- | --- |",
    ]
    for attack in ATTACKS:
        codes = " or ".join(map(str, attack.exits))
        said = "; ".join(f"“{text.removeprefix('web01: ').removeprefix('web01 ')}”" for text in attack.said)
        rows.append(f"| {attack.name} | {said} | {codes} | {TRUE[attack.true]} |")
    rows += [
        "\nWhere the host delays, the first true line comes within ten seconds; the command goes on trying after it.\n",
        "## Afterwards\n",
        "| attack | what `doctor`, `case status` and `scan` say | what is true |\n| --- | --- | --- |",
    ]
    rows += [f"| {name} | “{said}” | {TRUE[true]} |" for name, true, said in LATER]
    rows.append(
        "\n`scan` needs the host; what it says about the isolation it asks from outside before, and says it also where "
        "the host then does not answer."
    )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] != ["update"]:
        sys.exit(__doc__)
    PAGE.write_text(page(), "utf-8")
