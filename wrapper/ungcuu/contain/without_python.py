"""Keep a host isolated whose Python does not work: the role's own files, put in place by the shell alone.

Ansible can't work there, and a host whose Python the intruder broke must not come back open after a reboot. The files
are the templates of the role ``isolation``; they hold no variables but their folder, and the rule set, which the card
has rendered.

Whether Python works is seen by what it does: a program that is there may end at once, print anything, or never end.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from ungcuu.contain import allowlist, proofs
from ungcuu.contain.card import Card
from ungcuu.core.errors import UngcuuError
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Detail, Proof, phrase
from ungcuu.hosts import ssh

FILES = {
    "isolation.service.j2": "/etc/systemd/system/ungcuu-isolation.service",
    "guard.service.j2": "/etc/systemd/system/ungcuu-isolation-guard.service",
    "isolation.sh.j2": "/etc/ungcuu/isolation.sh",
    "nftables.conf.j2": "/etc/systemd/system/nftables.service.d/ungcuu-isolation.conf",
}
PYTHON_SECONDS = 12.0
BACK_SECONDS = 15.0
# What Ansible's modules are made of. The answer can't be known beforehand.
_QUESTION = (
    "import base64, hashlib, json, subprocess, sys, tempfile, zipfile\n"
    "print(hashlib.sha256(json.loads('\"{word}\"').encode()).hexdigest())\n"
)
_FOLDER = "{{ __isolation_folder }}"
_END = "UNGCUU-END-OF-FILE"


def has_python(card: Card) -> bool:
    """Whether the host's Python does what Ansible needs, within ``PYTHON_SECONDS``: it answers a question of ungcuu."""
    word = secrets.token_hex(16)
    try:
        said = ssh.run(
            card.target,
            ["/usr/bin/python3", "-"],
            stdin=_QUESTION.format(word=word).encode(),
            timeout=PYTHON_SECONDS,
            byte_quota=1 << 12,
        )
    except ssh.HostKeyRefused:
        return False
    return said.ok and said.stdout.strip() == hashlib.sha256(word.encode()).hexdigest().encode()


def keep(
    card: Card, mode: str, more: Sequence[str], roles: Path, say: Callable[[str, str], None]
) -> list[proofs.Proof]:
    """Make the isolation last by the shell alone; return the proofs that were taken: none means that it did not work.

    ``say`` is given a line for people and its style.
    """
    message = _("{host}: its Python does not work; going on with the shell alone")
    say(message.format(host=card.host), "warn")
    try:
        done = persist(card, mode, more, roles)
        return prove(card) if done.ok else []
    except (OSError, ValueError, UngcuuError, ssh.HostKeyRefused, allowlist.Unresolved) as error:
        say(f"{card.host}: {error}", "warn")
        return []


def persist(card: Card, mode: str, more: Sequence[str], roles: Path) -> ssh.Result:
    """Make the isolation last over a reboot and a flush, as the role does; ``more`` as the cut had it."""
    allowed = allowlist.allow_list([*card.allow.ipv4, *card.allow.ipv6, *more])
    templates = roles / "isolation" / "templates"
    files = {
        path: (templates / name).read_text("utf-8").replace(_FOLDER, "/etc/ungcuu") for name, path in FILES.items()
    }
    files["/etc/ungcuu/isolation.nft"] = card.rules_for(mode, allowed)
    return ssh.run(card.target, ["sh", "-s"], stdin=script(files).encode(), timeout=60)


def script(files: dict[str, str]) -> str:
    """Return a shell script that writes these files, each in one step, and starts what keeps the host isolated."""
    lines = ["set -e", "umask 077", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    for path, text in files.items():
        if _END in text:
            raise ValueError(path)
        lines += [f"mkdir -p -m 755 {Path(path).parent}", f"cat > {path}.new <<'{_END}'", text.rstrip("\n"), _END]
        lines += [f"chmod {'600' if path.endswith('.nft') else '644'} {path}.new", f"mv {path}.new {path}"]
    lines += ["sh /etc/ungcuu/isolation.sh check /etc/ungcuu", "systemctl daemon-reload"]
    for unit in ("ungcuu-isolation.service", "ungcuu-isolation-guard.service"):
        lines += [f"systemctl enable --quiet {unit}", f"systemctl restart {unit}"]
    return "\n".join(lines) + "\n"


def prove(card: Card) -> list[proofs.Proof]:
    """Take the one proof on the host that needs no Python; say of the others that they were not taken."""
    why, untaken = phrase(Detail.PYTHON_BROKEN), (Proof.NOTHING_GETS_OUT, Proof.DNS_DEAD, Proof.SESSIONS_DEAD)
    back = ssh.run(card.target, "true", timeout=BACK_SECONDS)
    return [
        proofs.proof(Proof.MANAGEMENT_GETS_IN, proofs.INSIDE, back.ok, phrase(Detail.NEW_CONNECTION)),
        *(proofs.not_seen(name, proofs.INSIDE, why) for name in (*untaken, Proof.OUTLASTS_RESTART)),
    ]
