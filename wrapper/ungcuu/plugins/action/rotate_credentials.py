"""Make new secrets, store them, set them on the host; none of them is in a result, an argument or a log.

1. The store is written before the host is touched: a secret that is in use and nowhere else would lock the owner out.
2. The store is what ansible-vault reads; its password file is made once, mode 0600.
3. The host gets the secrets on the standard input of its own program, which answers with proofs only.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import string
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.atomic import make_private, put
from ungcuu.core.check_phrases import FROM_CHECKS, Breaks, Check, Unrotated
from ungcuu.core.errors import UngcuuError
from ungcuu.core.heard import heard
from ungcuu.core.phrases import Change, Coded, Proof, Side, phrase
from ungcuu.core.settings import machine_of
from ungcuu.detect import baseline
from ungcuu.hosts import deployed_files, profiles
from ungcuu.hosts.site import plain
from ungcuu.plugins.differences import difference
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import carried
from ungcuu.plugins.refusal import refusal

_PROGRAM = "/usr/local/sbin/ungcuu-site"
_LENGTH = 48
_MOST_BYTES = 256 * 1024
_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LOCKED = ".ungcuu-locked"
# A site without a database. Said in every result: what such a site keeps in files of its own is not known here.
NO_CREDENTIALS = phrase(Check.WEBSITE_WITHOUT_DATABASE)
_PROOFS = frozenset(
    {
        Proof.NEW_DATABASE_PASSWORD,
        Proof.OLD_DATABASE_PASSWORD,
        Proof.OLD_SESSIONS,
        Proof.APPLICATION_PASSWORDS,
        Proof.OLD_PASSWORD,
        Proof.OLD_KEYS,
        Proof.OLD_ADMINISTRATORS,
    }
)
_MOST_PEOPLE, _MOST_FILES = 200, 50
_PASSWORD = "database_password"  # noqa: S105  (the name of one)


class HostRefusal(Exception):
    """The host's program did not do what was asked; the text says why and what state the host is in, unless unknown."""

    def __init__(self, text: str, *, unknown: bool = False) -> None:
        super().__init__(text)
        self.unknown = unknown


def new_secrets(names: Iterable[str]) -> dict[str, str]:
    """A new secret for each name; letters and digits, so that nothing needs quoting."""
    alphabet = string.ascii_letters + string.digits
    return {name: "".join(secrets.choice(alphabet) for _ in range(_LENGTH)) for name in names}


class Website:
    """What the profile of a website's application knows of its secrets."""

    def __init__(self, site: dict[str, Any]) -> None:
        self.facts = {name: value for name, value in site.items() if name != "profile_facts"}
        application, database = str(site["application"]), bool(site.get("database"))
        self.profile = profiles.of_site(application, plain(site["profile_facts"]))
        if self.profile is None:
            self.names: tuple[str, ...] = ()
            unknown = phrase(Unrotated.NO_PROFILE, application=application or "–")
            self.left: list[Coded] = [unknown if database else NO_CREDENTIALS]
            return
        known = self.profile.secrets
        self.names = (*known.keys, *known.added) if known else ()
        if database and known and known.database_password:
            self.names = (_PASSWORD, *self.names)
        self.left = list(self.profile.unrotated(database))

    @property
    def replaces(self) -> list[str]:
        """What gets a new value, as a plan names it."""
        profile = self.profile
        extra = ("administrators", "sessions") if profile and profile.secrets else ("administrators",)
        wanted = {"administrators": profile and profile.accounts, "sessions": phrase(Breaks.SESSIONS) in self.breaks}
        return [*self.names, *(name for name in extra if wanted[name])]

    @property
    def breaks(self) -> list[Coded]:
        """What does not work any more afterwards."""
        known = self.profile.secrets.breaks if self.profile and self.profile.secrets else ()
        return [phrase(Breaks(f"breaks_{name.replace('-', '_')}")) for name in known]

    def order(self) -> dict[str, Any]:
        """What each request to the host says of it."""
        return {"site": self.facts, "profile": self.profile.rotation() if self.profile else {}}


class Store:
    """An ansible-vault file: `current` is in use, `pending` may be."""

    def __init__(self, path: Path, password: Path) -> None:
        self._path, self._password = path, password

    def _vault(self) -> VaultLib:
        if not self._password.exists():
            self._password.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            put(self._password, secrets.token_urlsafe(32) + "\n")
        return VaultLib([("default", VaultSecret(self._password.read_bytes().strip()))])

    def read(self) -> dict[str, Any]:
        """What is stored; empty at first."""
        if not self._path.exists():
            return {}
        return dict(yaml.safe_load(self._vault().decrypt(self._path.read_bytes())) or {})

    def write(self, content: dict[str, Any]) -> None:
        """Replace the file in one step."""
        make_private(self._path.parent)
        put(self._path, self._vault().encrypt(yaml.safe_dump(content)).decode("ascii"))


def new_account_secrets(has: dict[str, Any]) -> dict[str, str]:
    """A password and a key pair, each where the account had one before."""
    made: dict[str, str] = {}
    if has.get("password") is True:
        made["password"] = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(_LENGTH))
    if has.get("keys") is True:
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        made |= {"private_key": private.decode("ascii"), "public": public.decode("ascii")}
    return made


class ActionModule(DocumentedAction):
    """``rotate_credentials: {what: website, site: {...}, …}`` or ``{what: accounts, accounts: [], keep: [], …}``.

    Both take ``state``, ``store`` and ``store_password``, files and folder of the controller.
    """

    rules: ClassVar[dict[str, Any]] = {
        "required_if": [["what", "website", ["site"]], ["what", "accounts", ["accounts", "keep"]]]
    }

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Rotate; the result holds proofs and nothing secret."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            website = Website(self.arguments["site"]) if self.arguments["what"] == "website" else None
        except UngcuuError as error:
            raise refusal(error) from error
        if website and not website.replaces:
            return result | {"changed": False, "left": website.left, "ungcuu": [_rotated([], website.left)]}
        if self._task.check_mode:
            return result | self._foretold(website)
        arguments, host = self.arguments, str((task_vars or {})["inventory_hostname"])
        store = Store(Path(arguments["store"]), Path(arguments["store_password"]))
        try:
            about, state = str((task_vars or {}).get("website_target") or host), Path(arguments["state"])
            done = self._website(store, state, about, website) if website else self._accounts(store, state, about)
            return result | done
        except HostRefusal as refused:
            failure = {"failed": True, "msg": f"{refused} The secrets tried are kept as pending"}
            return result | failure | {"ungcuu_unknown": refused.unknown}

    def _foretold(self, website: Website | None) -> dict[str, Any]:
        """Say what would get new secrets; make none, and store none."""
        if website:
            return {"changed": True, "left": website.left, **_shown(website.replaces), "ungcuu": []}
        try:
            answer = self._ask({"do": "accounts", **self._asked()})
        except HostRefusal as refusal:
            # A host that has not got the program yet: a real run puts it there first.
            known = {"msg": f"The host could not be asked which accounts have secrets: {refusal}"}
            return {"changed": True, **known, **_shown(self._asked()["accounts"] or ["every account"]), "ungcuu": []}
        names = [row["name"] for row in answer["accounts"][:50] if _NAME.fullmatch(row["name"])]
        return {"changed": bool(names), "left": _left(answer), **_shown(names), "ungcuu": []}

    def _asked(self) -> dict[str, list[str]]:
        return {name: [str(word) for word in self.arguments[name]] for name in ("accounts", "keep")}

    def _website(self, store: Store, state: Path, name: str, website: Website) -> dict[str, Any]:
        order, known, left = website.order(), store.read(), list(website.left)
        asked = self._ask({"do": "administrators"} | order)
        people = new_secrets(str(login) for login in asked["administrators"][:_MOST_PEOPLE])
        if others := int(asked["others"]):
            left.append(phrase(Unrotated.SOME_ADMINISTRATORS, count=others))
        if asked.get("closed") is True:
            left.append(phrase(Unrotated.NOT_LISTED))
        fresh = new_secrets(website.names)
        store.write(known | {"pending": fresh, "pending_administrators": people, "pending_since": _now()})
        answer = self._ask({"do": "rotate", "secrets": fresh, "administrators": people} | order)
        kept = {"current": fresh, "since": _now()} | ({"administrators": people} if people else {})
        store.write(_without_pending(known) | kept)
        _expect_files(state, name, answer)
        if _PASSWORD in fresh:
            _expect_database_account(state, machine_of(name), self.arguments["site"], fresh[_PASSWORD])
        proofs = [{"kind": "proof", "data": _proof(row)} for row in answer.get("proofs", [])]
        records = [*proofs, _rotated(names := [*fresh, *people], left, breaks=website.breaks)]
        return {"changed": True, "left": left, **_shown(names), "ungcuu": records}

    def _accounts(self, store: Store, state: Path, host: str) -> dict[str, Any]:
        asked = self._asked()
        answer = self._ask({"do": "accounts"} | asked)
        left = _left(answer)
        fresh = {
            row["name"]: new_account_secrets(row) for row in answer["accounts"][:50] if _NAME.fullmatch(row["name"])
        }
        if not fresh:
            return {"changed": False, "left": left, "ungcuu": [_rotated([], left)] if left else []}
        known = store.read()
        store.write(known | {"pending_accounts": fresh, "pending_since": _now()})
        sent = [{"name": name} | {k: v for k, v in row.items() if k != "private_key"} for name, row in fresh.items()]
        answer = self._ask({"do": "rotate_accounts", "accounts": sent, "keep": asked["keep"]})
        store.write(_without_pending(known) | {"accounts": known.get("accounts", {}) | fresh, "accounts_since": _now()})
        rows = [row for row in answer["accounts"] if row["name"] in fresh]
        _expect_accounts(state, machine_of(host), rows, fresh)
        proofs = [{"kind": "proof", "data": _proof(proof, row["name"])} for row in rows for proof in row["proofs"]]
        records = [*proofs, _rotated(fresh, left, passed=len(rows) == len(fresh))]
        return {"changed": True, "left": left, **_shown(fresh), "ungcuu": records}

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the host's program answers.

        Raises:
            HostRefusal: it did not do what was asked.
        """
        order = (json.dumps(request) + "\n").encode()
        done = carried(self._low_level_execute_command(_PROGRAM, in_data=order, sudoable=True))
        lines = str(done.get("stdout", ""))[-_MOST_BYTES:].strip().splitlines()
        try:
            document = json.loads(lines[-1]) if lines else {}
        except (ValueError, RecursionError):
            document = {}
        answer: dict[str, Any] = document if isinstance(document, dict) else {}
        if answer.get("event") != "done":
            reason, now = str(answer.get("reason", "the host gave no answer")), str(answer.get("state", "unknown"))
            raise HostRefusal(f"{reason[:400]}. State: {now[:200]}.", unknown="reason" not in answer)
        return answer


def _rotated(
    names: Iterable[str], left: Sequence[Coded], *, passed: bool = True, breaks: Sequence[Coded] = ()
) -> dict[str, Any]:
    data: dict[str, Any] = {"action": str(Change.ROTATE), "what": sorted(names), "left": list(left), "passed": passed}
    data |= {"breaks": list(breaks)} if breaks else {}
    return {"kind": "change", "data": data}


def _left(answer: dict[str, Any]) -> list[Any]:
    return [heard(row, FROM_CHECKS) for row in answer.get("left", [])[:50]]


def _shown(names: Iterable[str]) -> dict[str, Any]:
    """Return the diff: what gets a new secret, never the secret."""
    known = sorted(names)
    return difference("secrets", [f"{name}: old" for name in known], [f"{name}: new" for name in known])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _without_pending(known: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if not name.startswith("pending")}


def _expect_files(state: Path, name: str, answer: dict[str, Any]) -> None:
    """Let later scans take our own changes as right: of files that were known-good before, and of stored passwords.

    The digest of an administrator's stored password stands for itself: nobody else can make one that has it.
    """
    host = machine_of(name)
    known, expected = baseline.load(state, name), deployed_files.load(state, host)
    digests: dict[str, str | None] = {}
    for row in [*answer.get("files", []), *answer.get("account_files", [])][:_MOST_FILES]:
        path, before, after = (str(row.get(part)) for part in ("path", "before", "after"))
        standing = known.snapshot.file(path) if known else None
        right = before in ((standing or {}).get("sha256"), expected.get(path))
        if right and _DIGEST.fullmatch(after) and path.startswith("/"):
            digests[path] = after
    for digest in map(str, answer.get("administrators", [])[:_MOST_PEOPLE]):
        if re.fullmatch(r"[0-9a-f]{16}", digest):
            digests[f"{deployed_files.ADMINISTRATOR}{digest}"] = digest
    deployed_files.remember_digests(state, host, digests)


def _expect_database_account(state: Path, host: str, site: Any, password: str) -> None:
    """The same for the site's database account, by the digest that a scan sees of MariaDB's own form of a password."""
    user = str(site.get("database", {}).get("user", ""))
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    stored = "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()
    if user:
        digest = hashlib.sha256(stored.encode()).hexdigest()[:16]
        deployed_files.remember_digests(state, host, {f"database-account:{user}": digest})


def _expect_accounts(state: Path, host: str, rows: list[dict[str, Any]], fresh: dict[str, dict[str, str]]) -> None:
    """The same for passwords, by the digest that a scan sees, and for files of keys, by the content that was sent."""
    digests: dict[str, str | None] = {}
    for row in rows:
        if re.fullmatch(r"[0-9a-f]{16}", str(row.get("digest"))):
            digests[f"account:{row['name']}"] = row["digest"]
        for path in map(str, row.get("key_files", [])[:1]):
            content = f"{fresh[row['name']].get('public', '')} ungcuu\n"
            digests[path.removesuffix(_LOCKED)] = hashlib.sha256(content.encode()).hexdigest()
    deployed_files.remember_digests(state, host, digests)


def _proof(row: Any, account: str = "") -> dict[str, Any]:
    """A proof as the host states it; a name that we do not know is no proof that passed."""
    known = row if isinstance(row, dict) else {}
    name = str(known.get("name"))
    whose = {"account": account} if account else {}
    passed = name in _PROOFS and known.get("passed") is True
    found = {"name": name if name in _PROOFS else "unknown", **whose, "side": str(Side.HOST), "passed": passed}
    return found | {"detail": heard(known.get("detail"), FROM_CHECKS)}
