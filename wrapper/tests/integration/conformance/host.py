"""The website's host by the lab's back door: what the suite does to it and sees of it without the product."""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from conformance.site import Stack

from ungcuu.lab import Lab

_ASK = {
    "mariadb": "mariadb --default-character-set=utf8mb4 {name}",
    "postgresql": "runuser -u postgres -- psql -qXAt -v ON_ERROR_STOP=1 -d {name}",
    "none": "false",
}
_DUMP = {
    "mariadb": "mariadb-dump --skip-comments --skip-extended-insert --no-create-info --hex-blob {without} {name}",
    "postgresql": "runuser -u postgres -- pg_dump --data-only --inserts {without} {name}",
}
_WITHOUT = {"mariadb": "--ignore-table={name}.{table}", "postgresql": "-T {schema}.{table}"}
_LOG_IN = {
    "mariadb": "MYSQL_PWD=$(cat) mariadb -h localhost -u {user} -e 'SELECT 1' {name}",
    "postgresql": "PGPASSWORD=$(cat) psql -XAtw -h localhost -U {user} -c 'SELECT 1' {name}",
}


@dataclass(frozen=True)
class Host:
    """One host of the lab, with one site on one stack."""

    lab: Lab
    stack: Stack

    def run(self, script: str, given: str = "") -> str:
        """Run a shell script as root; ``$SQL`` in it is a program that takes SQL for the site's database.

        Raises:
            RuntimeError: It failed.
        """
        name = self.stack.facts.get("website_database_name", "")
        variables = {**self.stack.environment, "SQL": _ASK[self.stack.engine].format(name=name)}
        words = ["env", *(f"{key}={value}" for key, value in variables.items()), "bash", "-ec", f"cd /; {script}"]
        done = self.lab.exec(self.stack.host, words, given.encode())
        if done.returncode:
            raise RuntimeError(f"{script[:200]}: {(done.stderr or done.stdout).decode(errors='replace')[-1500:]}")
        return done.stdout.decode(errors="replace")

    def lay(self, path: str, folder: Path) -> None:
        """Copy a folder of the controller to a path of the host.

        Raises:
            RuntimeError: The host did not take it.
        """
        packed = subprocess.run(["tar", "-C", str(folder), "-c", "."], capture_output=True, check=True).stdout
        script = f"mkdir -p {path} && tar -x --no-same-owner -C {path}"
        done = self.lab.exec(self.stack.host, ["sh", "-ec", script], packed)
        if done.returncode:
            raise RuntimeError(f"{folder}: {done.stderr.decode(errors='replace')[-500:]}")

    @property
    def address(self) -> str:
        """Where the website is reached from outside."""
        return self.lab.address(self.stack.host)

    def fingerprint(self, host: str) -> str:
        """What a person reads on a machine's own console."""
        said = self.lab.exec(host, ["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"])
        return str(said.stdout.decode().split()[1])

    def versions(self) -> str:
        """Names and versions of what serves the site."""
        names = "nginx* apache2 libapache2-mod-php* php*-fpm mariadb-server postgresql-* mediawiki dokuwiki wordpress"
        show = f"dpkg-query -W -f '${{db:Status-Abbrev}}${{Package}} ${{Version}}\\n' {names} 2>/dev/null || true"
        rows = [line[2:].split() for line in self.run(show).splitlines() if line.startswith("ii")]
        kept = ("nginx", "apache2", "mariadb-server", "mediawiki", "dokuwiki", "wordpress")
        return ", ".join(
            f"{name} {version.split('+')[0].split('-')[0].split(':')[-1]}"
            for name, version in rows
            if name in kept or name[-4:] == "-fpm" or name.startswith(("libapache2-mod-php8", "postgresql-1"))
        )

    def files(self) -> dict[str, str]:
        """Every file and link that a restore must bring back: kind, mode, owner, target and digest, by path."""
        trees = " ".join(self.stack.trees)
        prune = "".join(f"-path {path} -prune -o " for path in self.stack.fleeting)
        look = f"find {trees} {prune}\\( -type f -o -type l \\)"
        said = self.run(f"{look} -printf '%p\\t%y %m %u %g %l\\n'; echo; {look} -type f -print0 | xargs -0r sha256sum")
        rows, _blank, sums = said.partition("\n\n")
        found = dict(line.split("\t", 1) for line in rows.splitlines())
        for line in sums.splitlines():
            digest, path = line.split(maxsplit=1)
            found[path] += f" {digest}"
        return found

    def rows(self) -> dict[str, str]:
        """A digest of all rows of each table that holds what people wrote, by table; empty without a database."""
        if self.stack.engine == "none":
            return {}
        name = self.stack.facts["website_database_name"]
        one = _WITHOUT[self.stack.engine]
        without = " ".join(
            one.format(name=name, schema=self.stack.schema or "public", table=table)
            for table in self.stack.fleeting_tables
        )
        dump = self.run(_DUMP[self.stack.engine].format(name=name, without=without))
        tables: dict[str, list[str]] = {}
        passing = re.compile("|".join(self.stack.fleeting_rows) or r"(?!)")
        for line in dump.splitlines():
            if line.startswith("INSERT INTO ") and not passing.match(line):
                tables.setdefault(line.split()[2], []).append(line)
        return {table: hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() for table, lines in tables.items()}

    def database_takes(self, password: str) -> bool:
        """Return whether the database lets the site's account in with this password."""
        facts = self.stack.facts
        names = {"user": facts["website_database_user"], "name": facts["website_database_name"]}
        try:
            return "1" in self.run(_LOG_IN[self.stack.engine].format(**names), password)
        except RuntimeError:
            return False
