"""A new password for the website's database account, in an order in which no visitor meets a gap, and back.

MariaDB accepts both passwords while the configuration changes. PostgreSQL knows one password an account: it changes
right after the configuration, and a visitor in between, milliseconds, gets an error.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

from ungcuu_site import mariadb, postgres
from ungcuu_site.common import RefusedError

_ROUNDS = 4096  # PostgreSQL's own number


class MariaDB:
    """The account on MariaDB.

    Raises:
        RefusedError: there is not exactly one of this name.
    """

    def __init__(self, user: str, old: str, new: str) -> None:
        self._old, self._new = old, new
        rows = mariadb.ask(f"SELECT host FROM mysql.user WHERE user={mariadb.text(user)}")  # noqa: S608 - quoted by text()
        if len(rows) != 1:
            raise RefusedError(f"the database knows {len(rows)} accounts of the website, not one")
        self._account = f"{mariadb.quoted(user)}@{mariadb.quoted(rows[0][0])}"

    def before(self) -> None:
        """Before the configuration changes: both passwords open the database."""
        self._accept(self._old, self._new)

    def after(self) -> None:
        """The configuration has the new one."""

    def settle(self) -> None:
        """The old one is dead."""
        self._accept(self._new)

    def back(self) -> None:
        """The old one alone."""
        self._accept(self._old)

    def _accept(self, *passwords: str) -> None:
        ways = " OR ".join(f"mysql_native_password USING PASSWORD({mariadb.text(word)})" for word in passwords)
        mariadb.ask(f"ALTER USER {self._account} IDENTIFIED VIA {ways}")


class PostgreSQL:
    """The account on PostgreSQL. The server gets no password, only what proves one: its log may show statements.

    Raises:
        RefusedError: there is none of this name.
    """

    def __init__(self, user: str, _old: str, new: str) -> None:
        self._role, self._new = postgres.quoted(user), new
        rows = postgres.ask(f"SELECT COALESCE(rolpassword, '') FROM pg_authid WHERE rolname={postgres.text(user)}")  # noqa: S608 - quoted by text()
        if not rows:
            raise RefusedError("the database does not know the website's account")
        self._before = rows[0][0]

    def before(self) -> None:
        """Nothing is changed yet."""

    def after(self) -> None:
        """The configuration has the new one: now the account has it too."""
        self._set(postgres.text(verifier(self._new)))

    def settle(self) -> None:
        """The old one is dead already."""

    def back(self) -> None:
        """The old one again."""
        self._set(postgres.text(self._before) if self._before else "NULL")

    def _set(self, stored: str) -> None:
        postgres.ask(f"ALTER ROLE {self._role} PASSWORD {stored}")


def verifier(password: str, salt: bytes = b"") -> str:
    """What PostgreSQL stores of a password: SCRAM-SHA-256 (RFC 5802, RFC 7677)."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_ROUNDS}:{salt_text}${stored_text}:{server_text}"


def account(facts: dict[str, Any], old: str, new: str) -> MariaDB | PostgreSQL:
    """The website's account on its engine.

    Raises:
        RefusedError: an engine that nobody taught us.
    """
    kind = {"mariadb": MariaDB, "postgresql": PostgreSQL}.get(str(facts["engine"]))
    if kind is None:
        raise RefusedError(f"passwords of {facts['engine']!a} can't be rotated")
    return kind(str(facts["user"]), old, new)
