"""The help of `ungcuu-site`: what it can be asked for, in plain words."""

from __future__ import annotations

# Action: what it does, and the keys of its request besides `do`.
ACTIONS: dict[str, tuple[str, str]] = {
    "probe": ("Report that this host answers, and its clock.", ""),
    "save": ("Make one restore point and send it to the vault.", "site, name, repository, password"),
    "stage": (
        "Unpack a restore point beside the live website. Nothing live is replaced.",
        "restore, site, point, bytes, only, config_paths, source_root, path",
    ),
    "check": ("Check a staged restore point, and remember the result.", "restore, expected, hashes, make_account"),
    "swap": ("Put a checked restore point in the place of the live website. The old one is kept.", "restore"),
    "undo": ("Put back what was live before a restore.", "restore"),
    "state": ("Show where a restore stands. Without an id, show all of them.", "restore"),
    "drop": ("Remove a staged restore point that is not used.", "restore"),
    "prove": ("Ask the website for its page, as a visitor would.", "site"),
    "update_prepare": (
        "Unpack a new release of the application, and find what it changes. Nothing live is replaced.",
        "restore, site, payload, archive, replaces, removed, upgrade, versions, before",
    ),
    "update": ("Put a prepared release in place. Everything goes back if that fails.", "restore"),
    "update_undo": ("Put back the files and the database from before an update.", "restore"),
    "update_keep": ("Keep an update that passed its trials.", "restore"),
    "updates": ("Show where the updates of the application stand.", ""),
    "administrators": ("List who administers the application, by its profile.", "site, profile"),
    "rotate": (
        "Set new keys, passwords of the database and of administrators; end sessions.",
        "site, profile, secrets, administrators",
    ),
    "accounts": ("List the accounts that have a password or SSH keys.", "accounts, keep"),
    "rotate_accounts": ("Set new passwords and SSH keys of accounts.", "accounts, keep"),
}
ASKED = ("-h", "--help", "help")


def text(words: list[str]) -> str:
    """Return the help that was asked for: of one action, or of the whole program."""
    named = next((word for word in words if word in ACTIONS), "")
    if not named:
        width = max(map(len, ACTIONS))
        rows = [f"  {name:<{width}}  {purpose}" for name, (purpose, _keys) in ACTIONS.items()]
        return "\n".join([*_HEAD, *rows, "", *_TAIL])
    purpose, keys = ACTIONS[named]
    lines = [f"usage: ungcuu-site {named} ID"] if keys == "restore" else []
    lines += [f'usage: ungcuu-site < REQUEST, with "do": "{named}"', f"Keys of the request: {keys or 'none'}"]
    return "\n".join([*lines, "", purpose])


_HEAD = [
    "usage: ungcuu-site < REQUEST",
    "       ungcuu-site ACTION ID",
    "       ungcuu-site ACTION --help",
    "",
    "Saves, restores and rotates the website of this host for ungcuu. A request is one line of JSON,",
    'such as {"do": "state"}. Each answer is a line of JSON; the last one says what was done, or why not.',
    "",
    "Actions:",
]
_TAIL = ["The account of the vault may ask for probe, save and stage alone. Exit code: 0 done, 3 refused or failed."]
