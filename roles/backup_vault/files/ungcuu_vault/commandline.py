"""The words that `ungcuu-vault` takes: each action with its own help and its own options."""

from __future__ import annotations

import argparse
from typing import Any

_OPTIONS: dict[str, dict[str, Any]] = {
    "--at": {"default": "latest", "metavar": "POINT", "help": "restore point: its id, 'latest', or a time in UTC"},
    "--clean": {"action": "store_true", "help": "the newest point from before --before that is clean"},
    "--before": {"default": "", "metavar": "TIME", "help": "first sign of compromise, in UTC"},
    "--allow-suspect": {"action": "store_true", "help": "restore suspect code too; a person has decided so"},
    "--accept": {"default": "", "metavar": "CHECKS", "help": "checks that may fail, with commas between"},
    "--only": {"default": "files,database,config", "metavar": "PARTS", "help": "parts to restore, with commas between"},
    "--path": {"default": "", "help": "one file or folder below the web root, and nothing else"},
    "--restore": {"default": "", "metavar": "ID", "help": "id of the restore"},
    "--to": {"default": "", "metavar": "HOST", "help": "another host, known here under this name"},
    "--seconds": {"type": float, "default": 0.0, "help": "how many seconds the restore took"},
    "--deep": {"action": "store_true", "help": "read and check every byte of the repository"},
    "--check": {"action": "store_true", "help": "change nothing; report whether anything would change"},
}
_CHOICE = ("--at", "--clean", "--before")

# Action: what it does, and which options it takes.
ACTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "backup": ("Take one restore point of the host now.", ()),
    "run": ("Do what the timer does: take a restore point, or copy the points of the first vault.", ()),
    "prepare": ("Make the repository and the password of the host. Nothing happens when they are there.", ()),
    "probe": ("Check that the vault reaches the host, and how far the clock of the host is off.", ()),
    "points": ("List the restore points, newest first.", ()),
    "choose": (
        "Show which point a restore would take, and why newer ones are not taken.",
        (*_CHOICE, "--allow-suspect", "--accept", "--only", "--path"),
    ),
    "judge": ("Look into one point and record whether it is clean.", _CHOICE),
    "know": ("Keep the list of known good files. It comes as JSON on standard input.", ("--check",)),
    "accept": ("Accept a suspect point, with who and why as JSON on standard input.", ("--at", "--path")),
    "seen": ("List what the newest judged point holds outside the writable folders.", ()),
    "sweep": (
        "Stream the files of all points, to be judged. Sums of known good files come as JSON on standard input.",
        (),
    ),
    "stage": (
        "Send one point to the host, or to another host. Nothing there is replaced yet.",
        (*_CHOICE, "--allow-suspect", "--accept", "--only", "--path", "--restore", "--to"),
    ),
    "check": ("Check the repository, and name the points that are damaged.", ("--deep",)),
    "tidy": ("Remove points that are older than the policy keeps.", ()),
    "disown": ("Remove what refused backup runs have written, after somebody has looked at it.", ()),
    "proven": ("Record that a point was restored and tried.", (*_CHOICE, "--to", "--seconds")),
    "hashes": ("Show the hashes that a restore of the point must have.", _CHOICE),
    "packages": ("List the packages that were installed by hand on the host of the point.", _CHOICE),
}


def parser() -> argparse.ArgumentParser:
    """Return the parser. An option that an action does not take has its default there."""
    whole = argparse.ArgumentParser(
        prog="ungcuu-vault",
        description="The backup vault of ungcuu. Each action prints one line of JSON with its outcome.",
        epilog="`ungcuu-vault ACTION --help` lists the options of an action. Exit code: 0 done, 2 not done, 4 unknown.",
    )
    actions = whole.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (text, options) in ACTIONS.items():
        one = actions.add_parser(name, help=text, description=text)
        one.add_argument("site", metavar="HOST", help="name of the website host, as in the inventory")
        for option in options:
            one.add_argument(option, **_OPTIONS[option])
    whole.set_defaults(
        **{option[2:].replace("-", "_"): words.get("default", False) for option, words in _OPTIONS.items()}
    )
    return whole
