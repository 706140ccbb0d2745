"""Newer releases of WordPress, made of the one that is installed on web01.

Another version, another database version (so that WordPress's own upgrade has work), a file more, a file less.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

from ungcuu.lab import Lab

WEB = "/var/www/portal"


class Releases:
    """Releases made of the installed one."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._folder, self.files = folder, {}
        sent = lab.exec(
            "web01", ["tar", "-C", WEB, "--exclude=./wp-content", "--exclude=./wp-config.php", "-cf", "-", "."]
        )
        with tarfile.open(fileobj=io.BytesIO(sent.stdout)) as archive:
            for member in archive:
                if handle := archive.extractfile(member):
                    self.files[member.name.removeprefix("./")] = handle.read()

    def make(self, number: str, database: int, **changes: bytes) -> Path:
        """Write `wordpress-NUMBER.zip`."""
        files = self.files | {"wp-includes/new/part.php": b"<?php // of this release\n"} | changes
        stated = files["wp-includes/version.php"].decode()
        old = next(line for line in stated.splitlines() if line.startswith("$wp_version = "))
        base = next(line for line in stated.splitlines() if line.startswith("$wp_db_version = "))
        stated = stated.replace(old, f"$wp_version = '{number}';").replace(base, f"$wp_db_version = {database};")
        files["wp-includes/version.php"] = stated.encode()
        del files["wp-includes/images/wpicons-2x.png"]
        path = self._folder / f"wordpress-{number}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(f"wordpress/{name}", content)
        return path
