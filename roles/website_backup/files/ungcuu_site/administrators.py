"""New passwords for the application's administrators, in the application's own table or file, by its profile.

Every administrator gets one, also one whom an intruder made: nobody but the owner of the store can log in as one.
Passwords come on standard input; what is answered of them is a digest of the stored form, as a scan shows it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ungcuu_site import configuration
from ungcuu_site.common import RefusedError, last_words, run
from ungcuu_site.login import Login

MOST = 200
# What can stand in a literal of both engines, in a line of a file, and in a record.
LOGIN = re.compile(r"[^\x00-\x1f\x7f'\"\\:$`;]{1,120}")
_ROUNDS = 30000  # MediaWiki's own number
_PHP = "echo password_hash(stream_get_contents(STDIN), PASSWORD_BCRYPT);"


class Accounts:
    """The administrators of one website. ``login`` is None for an application that keeps them in a file."""

    def __init__(self, root: str, form: Mapping[str, Any], prefix: str, login: Login | None) -> None:
        self.form, self.prefix, self.login = form, prefix, login
        places = [Path(root, name).resolve() for name in form["files"]]
        self.file = next((path for path in places if path.is_file()), None)

    def names(self) -> tuple[list[str], int]:
        """Login names, each once, and how many more there are: of another form than can be handled, or too many.

        Raises:
            RefusedError: the table or the file does not answer.
        """
        everybody = self._everybody()
        found = sorted(name for name in everybody if LOGIN.fullmatch(name))[:MOST]
        return found, len(everybody) - len(found)

    def _everybody(self) -> set[str]:
        if self.form["files"]:
            return {match[1] for match in self._lines(self._text())}
        return {row[0] for row in self._ask(self.form["administrators"])}

    def _stored(self, people: Iterable[str]) -> dict[str, str]:
        """Login → stored password, of those who are there."""
        if self.form["files"]:
            return {match[1]: match[2] for match in self._lines(self._text()) if match[1] in people}
        rows = {name: self._password(name) for name in people}
        return {name: row[0] for name, row in rows.items() if row}

    def _password(self, name: str) -> list[str]:
        query = f'SELECT "{self.form["password"]}" FROM "{self.form["table"]}" WHERE {self._is(name)}'  # noqa: S608
        return [row[0] for row in self._ask(query)]

    def _is(self, name: str) -> str:
        assert self.login is not None
        return f'"{self.form["login"]}"={self.login.text(name)}'

    def _ask(self, sql: str) -> list[list[str]]:
        if self.login is None:
            raise RefusedError("the application's own login to the database was not found in its configuration")
        return self.login.ask(sql.replace("{prefix}", self.prefix))

    def _text(self) -> str:
        if self.file is None:
            raise RefusedError("the file with the application's accounts is missing")
        return configuration.read(self.file)

    def _lines(self, text: str) -> list[re.Match[str]]:
        return list(re.finditer(self.form["pattern"], text, re.M))

    def change(self, passwords: Mapping[str, str]) -> list[dict[str, Any]]:
        """Set a new password for each; gives a row for each, with whether the old one is gone.

        Raises:
            RefusedError: the table or file does not take them; those before it have theirs.
        """
        if any(not LOGIN.fullmatch(name) for name in passwords):
            raise RefusedError("an administrator's name has a wrong shape")
        before = self._stored(passwords)
        fresh = {name: hashed(self.form["hash"], word) for name, word in passwords.items() if name in before}
        (self._change_file if self.form["files"] else self._change_table)(fresh)
        after = self._stored(passwords)
        return [
            {"name": name, "digest": hashlib.sha256(stored.encode()).hexdigest()[:16], "passed": after[name] == stored}
            for name, stored in fresh.items()
            if before[name] != stored and name in after
        ]

    def _change_table(self, fresh: Mapping[str, str]) -> None:
        for person, stored in fresh.items():
            assert self.login is not None
            others = self.form["values"].items()
            values = {column: value.replace("{random}", secrets.token_hex(16)) for column, value in others}
            values |= {self.form["password"]: stored}
            self._ask(f'UPDATE "{self.form["table"]}" SET {assigned(self.login, values)} WHERE {self._is(person)}')  # noqa: S608

    def _change_file(self, fresh: Mapping[str, str]) -> None:
        text = self._text()
        for match in reversed(self._lines(text)):
            if match[1] in fresh:
                text = text[: match.start(2)] + fresh[match[1]] + text[match.end(2) :]
        assert self.file is not None
        configuration.replace(self.file, text)


def assigned(login: Login, values: Mapping[str, str]) -> str:
    """Columns and their new texts, as UPDATE wants them."""
    return ", ".join(f'"{column}"={login.text(value)}' for column, value in values.items())


def hashed(form: str, password: str) -> str:
    """A password as the application stores it.

    Raises:
        RefusedError: PHP, which the website runs on, gives no hash.
    """
    if form == "mediawiki":
        salt = secrets.token_bytes(16)
        made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, 64)
        return f":pbkdf2:sha512:{_ROUNDS}:64:{_base64(salt)}:{_base64(made)}"
    if form == "nukeviet":
        salt = secrets.token_bytes(4)
        return "{SSHA512}" + _base64(hashlib.sha512(password.encode() + salt).digest() + salt)
    # Without its own configuration: no code of the website's runs, and as nobody.
    done = run(["runuser", "-u", "nobody", "--", "php", "-n", "-r", _PHP], password.encode(), cwd="/")
    made_text = done.stdout.decode("ascii", "replace")
    if done.returncode or not re.fullmatch(r"\$2y\$\d\d\$[./A-Za-z0-9]{53}", made_text):
        raise RefusedError(f"PHP makes no hash of a password: {last_words(done.stderr)}")
    return made_text


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
