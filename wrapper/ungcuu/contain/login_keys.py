"""The public keys with which this controller logs in to hosts, and whether sshd says that it takes those alone."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ungcuu.contain import proofs
from ungcuu.core.phrases import Detail, Proof, phrase

_KEY = re.compile(r"((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]{1,60} [A-Za-z0-9+/=]{30,4000})(?: .*)?")


def public_keys(private: str) -> list[str]:
    """Return the public key of a private one; of the agent's keys where there is no file. Empty when none is found."""
    if not private:
        return _lines(["ssh-add", "-L"])
    path = Path(private).expanduser()
    found = _lines(["ssh-keygen", "-y", "-P", "", "-f", str(path)])
    if found:
        return found
    try:
        return _keys(path.with_name(path.name + ".pub").read_text("utf-8", "replace"))
    except OSError:
        return []


def _lines(command: Sequence[str]) -> list[str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return _keys(done.stdout)


def _keys(text: str) -> list[str]:
    """The keys in a text, without their comments."""
    return [found[1] for line in text.splitlines() if (found := _KEY.fullmatch(line.strip()))]


# Not by the host's `timeout`: an intruder's own would hold the answer back, and with it the end of the isolation.
_LIMITED = """limited() {
    "$@" & asked=$!
    (sleep 10; kill -9 $asked) >/dev/null 2>&1 & guard=$!
    wait $asked
    kill $guard 2>/dev/null
}"""


def question(accounts: Sequence[str], key_file: str) -> str:
    """Return the shell script that asks sshd what holds for these accounts, and what the file of keys holds."""
    lines = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH LC_ALL=C", _LIMITED]
    for account in accounts:
        if re.fullmatch(r"[a-z_][a-z0-9_.-]{0,31}", account):
            lines.append(f"echo account={account}; limited sshd -T -C user={account},host=x,addr=192.0.2.1")
    return "\n".join([*lines, "echo keys", f"limited cat {key_file}"]) + "\n"


def judge(said: str, keys: Sequence[str], accounts: Sequence[str], key_file: str) -> proofs.Proof:
    """Judge sshd's answers: every account has the one file, which holds these keys and no others."""
    settings, _keys_mark, held = said[: 1 << 20].partition("\nkeys\n")
    found: dict[str, dict[str, str]] = {}
    account = ""
    for line in settings.splitlines():
        setting, _sep, value = line.partition(" ")
        if line.startswith("account="):
            account = line.partition("=")[2]
        else:
            found.setdefault(account, {}).setdefault(setting, value.strip())
    name = Proof.OWN_KEYS_ONLY
    if not any(found.get(one) for one in accounts):
        return proofs.not_seen(name, proofs.INSIDE, phrase(Detail.SSHD_SILENT))
    wrong = [one for one in accounts if not _is_ours(found.get(one, {}), key_file)]
    if wrong:
        return proofs.proof(name, proofs.INSIDE, False, phrase(Detail.KEYS_OF_ACCOUNTS, accounts=wrong))
    if sorted(_keys(held)) != sorted(_keys("\n".join(keys))):
        return proofs.proof(name, proofs.INSIDE, False, phrase(Detail.KEYS_OF_FILE, file=key_file))
    return proofs.proof(name, proofs.INSIDE, True, phrase(Detail.KEYS_OURS, count=len(keys)))


def _is_ours(settings: Mapping[str, str], key_file: str) -> bool:
    none = ("authorizedkeyscommand", "trustedusercakeys", "authorizedprincipalscommand", "forcecommand")
    no = ("passwordauthentication", "kbdinteractiveauthentication", "hostbasedauthentication")
    return (
        settings.get("authorizedkeysfile") == key_file
        and all(settings.get(name, "none") == "none" for name in none)
        and all(settings.get(name, "no") == "no" for name in no)
    )
