"""What Debian's signed archive says of packages: which versions exist, and what their files are, byte for byte.

1. Nothing here comes from the host. The archive's address is that of this machine's own apt configuration, or of
   ``host_state_package_sources`` in the inventory; apt checks the signatures, in folders of its own.
2. A package is fetched only when it has something to prove, within a limit of bytes; what its files are is kept.
3. Lists that were fetched once stay: a version that the archive has dropped since is still known by them.
4. Where apt, the keyring or the network is missing, that is said (``why``), and nothing is taken as proven.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ungcuu.core.atomic import held, make_private, put, put_json
from ungcuu.core.check_phrases import Seen
from ungcuu.core.debian import CODENAMES
from ungcuu.core.phrases import Coded, Detail, phrase
from ungcuu.core.terminal import clean
from ungcuu.detect.packages_truth import Key, Packaged, usual_path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FRESH = 6 * 3600  # seconds for which lists are not fetched again
RETRY = 600  # seconds, where a version is not in them
UPDATE_SECONDS = 150
FETCH_SECONDS = 240
FETCH_BYTES = 300 << 20  # of one scan
_CODENAME = re.compile(rf"(?:{'|'.join(CODENAMES.values())}|stable|oldstable|testing)(-[a-z]+)?")


@dataclass(frozen=True)
class Listed:
    """One package as a signed index lists it. ``size`` in bytes, of the .deb."""

    sha256: str
    size: int


@dataclass
class Archive:
    """The archive of one Debian release and architecture. ``folder`` holds lists and sums, mode 0700."""

    folder: Path
    codename: str
    architecture: str
    sources: Sequence[str] = ()
    why: str | Coded = ""
    _left: int = field(default=FETCH_BYTES, repr=False)

    def known(self, wanted: Iterable[Key]) -> Mapping[Key, Listed]:
        """Return these packages by (name, architecture, version), and every other version of the same names.

        Lists that are old, or that lack a version, are fetched again first.
        """
        wanted = list(wanted)
        names = {key[0] for key in wanted}
        make_private(self.folder)
        with held(self.folder / "lock", UPDATE_SECONDS * 2):
            found = dict(self._read(names))
            age = time.time() - self._stamp()
            if wanted and (age > FRESH or (age > RETRY and any(key not in found for key in wanted))):
                self.why = self._update()
                found |= dict(self._read(names))
            elif not found and names:
                self.why = phrase(Seen.NO_PACKAGE_LIST)
            self._remember(found)
        return found

    def files(self, listed: Mapping[Key, Listed]) -> Mapping[Key, Mapping[str, Packaged]]:
        """Return what is in these packages, smallest first, as far as the limit of bytes allows."""
        found: dict[Key, Mapping[str, Packaged]] = {}
        missing: dict[Key, Listed] = {}
        for key, row in sorted(listed.items(), key=lambda item: item[1].size):
            kept = self._sums_file(row.sha256)
            if kept.exists():
                known: dict[str, list[Any]] = json.loads(kept.read_bytes())
                found[key] = {path: Packaged(*fields) for path, fields in known.items()}
            elif row.size <= self._left:
                self._left -= row.size
                missing[key] = row
        return {**found, **(self._fetch(missing) if missing else {})}

    # --- apt ---

    def _stamp(self) -> float:
        stamp = self.folder / "updated"
        return stamp.stat().st_mtime if stamp.exists() else 0.0

    def _update(self) -> str | Coded:
        """Fetch the lists; return why that failed, or nothing."""
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            return phrase(Seen.NO_APT)
        if any("trusted" in line.partition("]")[0] for line in self.sources):
            return phrase(Seen.SOURCE_UNSIGNED)
        lines = [*self.sources, *_own_sources(self.codename)]
        if not lines:
            return phrase(Seen.NO_SOURCES)
        if not self.sources and not KEYRING.exists():
            return phrase(Seen.NO_KEYRING, file=str(KEYRING))
        for name in ("lists/partial", "cache/archives/partial", "state"):
            make_private(self.folder / name)
        put(self.folder / "sources.list", "".join(f"{line}\n" for line in dict.fromkeys(lines)))
        put(self.folder / "status", "")
        problem = self._apt(["-o", "APT::Update::Error-Mode=any", "update"], UPDATE_SECONDS)
        if not problem:
            put(self.folder / "updated", "")
        return problem

    def _apt(self, words: Sequence[str], seconds: float, cwd: Path | None = None) -> str | Coded:
        """Run apt-get in folders of our own, signatures demanded; return what failed, or nothing."""
        settings = {
            "Dir::Etc::sourcelist": self.folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::State": self.folder / "state",
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
            "APT::Sandbox::User": "root",
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::Languages": "none",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::AllowWeakRepositories": "false",
            "Acquire::GzipIndexes": "false",
            "Acquire::http::Timeout": "15",
            "Acquire::https::Timeout": "15",
            "Acquire::Retries": "1",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        try:
            done = subprocess.run(
                ["apt-get", "-q", *options, *words],
                capture_output=True,
                timeout=seconds,
                check=False,
                cwd=cwd,
                env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            )
        except subprocess.TimeoutExpired:
            return phrase(Seen.APT_SLOW, seconds=round(seconds))
        except OSError as error:
            return phrase(Seen.APT_BROKEN, why=error.strerror)
        said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.startswith(("E:", "Err"))]
        if not done.returncode:
            return ""
        text = clean(" ".join(said), 300)
        return phrase(Detail.SAID, text=text) if text else phrase(Seen.APT_ENDED, status=done.returncode)

    # --- lists ---

    def _read(self, names: set[str]) -> Iterator[tuple[Key, Listed]]:
        kept = self.folder / "seen.json"
        if kept.exists():
            for name, architecture, version, sha256, size in json.loads(kept.read_bytes()):
                if name in names:
                    yield (name, architecture, version), Listed(sha256, size)
        for path in sorted((self.folder / "lists").glob("*_Packages")):
            yield from _stanzas(path, names)

    def _remember(self, found: Mapping[Key, Listed]) -> None:
        """Keep what a signed list said of these packages: the archive drops a version when the next one comes."""
        kept = self.folder / "seen.json"
        old = {tuple(row) for row in json.loads(kept.read_bytes())} if kept.exists() else set()
        new = old | {(*key, row.sha256, row.size) for key, row in found.items()}
        if new != old:
            put_json(kept, sorted(new), indent=None)

    # --- packages ---

    def _sums_file(self, sha256: str) -> Path:
        return self.folder / "files" / f"{sha256}.json"

    def _fetch(self, wanted: Mapping[Key, Listed]) -> Mapping[Key, Mapping[str, Packaged]]:
        """Fetch .debs; one whose sum is not that of the signed index is not looked at."""
        found: dict[Key, Mapping[str, Packaged]] = {}
        by_sum = {row.sha256: key for key, row in wanted.items()}
        make_private(self.folder / "files")
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=self.folder) as place:
            names = [
                f"{name}:{self.architecture}={version}" if architecture != "all" else f"{name}={version}"
                for name, architecture, version in wanted
            ]
            self.why = self._apt(["download", *names], FETCH_SECONDS, Path(place)) or self.why
            for deb in sorted(Path(place).glob("*.deb")):
                with deb.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                if digest in by_sum:
                    content = dict(contents(deb))
                    rows = {path: row.fields() for path, row in content.items()}
                    put_json(self._sums_file(digest), rows, indent=None)
                    found[by_sum[digest]] = content
                deb.unlink()
        return found


def archive_of(state: Path, packages: Iterable[Mapping[str, object]], sources: Sequence[str]) -> Archive | None:
    """Return the archive of the release that these packages belong to, or None where they name none that is known.

    The release is the host's word (its ``base-files``): whatever it names, what is compared is what Debian signed.
    """
    rows = list(packages)
    base = next((str(row.get("version")) for row in rows if row.get("name") == "base-files"), "")
    codename = CODENAMES.get(re.split(r"[^0-9]", base)[0], "")
    architecture = next((str(row.get("architecture")) for row in rows if row.get("name") == "dpkg"), "")
    if not codename or not re.fullmatch(r"[a-z0-9]{2,12}", architecture):
        return None
    return Archive(state / "packages" / f"{codename}-{architecture}", codename, architecture, tuple(sources))


def _own_sources(codename: str) -> list[str]:
    """Return apt's source lines for a release, at the addresses that this machine's own apt uses for Debian."""
    form = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(IDENTIFIER)"
    try:
        said = subprocess.run(
            ["apt-get", "indextargets", "--format", form], capture_output=True, timeout=30, check=False
        ).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = []
    for row in (line.split("|") for line in said.splitlines()):
        suite = _CODENAME.fullmatch(row[1]) if len(row) == 5 else None
        if suite and row[4] == "Packages" and row[3] in ("Debian", "$(ORIGIN)", ""):
            lines.append(f"deb [signed-by={KEYRING}] {row[0]} {codename}{suite[1] or ''} {row[2]}")
    return list(dict.fromkeys(lines))


def _stanzas(path: Path, names: set[str]) -> Iterator[tuple[Key, Listed]]:
    """Yield the packages of these names from one list, line by line: a list has fifty megabytes."""
    wanted, fields = {name.encode() for name in names}, dict[bytes, str]()
    with path.open("rb") as file:
        for line in file:
            if line.startswith(b"Package: "):
                name = line[9:].strip()
                fields = {b"Package": name.decode()} if name in wanted else {}
            elif fields and line.startswith((b"Version: ", b"Architecture: ", b"SHA256: ", b"Size: ")):
                key, _colon, value = line.partition(b": ")
                fields[key] = value.strip().decode()
                if len(fields) == 5:
                    identity = (fields[b"Package"], fields[b"Architecture"], fields[b"Version"])
                    yield identity, Listed(fields[b"SHA256"], int(fields[b"Size"]))


def contents(deb: Path) -> Iterator[tuple[str, Packaged]]:
    """Yield path and content of each regular file of a package; nothing is unpacked to the disk."""
    script = subprocess.run(["dpkg-deb", "-I", str(deb), "postinst"], capture_output=True, check=False).stdout
    gives_rights = b"chmod" in script or b"statoverride" in script
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101  (a pipe was asked for)
        sums: dict[str, str] = {}
        with tarfile.open(fileobj=process.stdout, mode="r|") as tree:
            for member in tree:
                name = "/" + member.name.removeprefix("./")
                path = usual_path(name)
                if member.isreg():
                    sums[path] = _sum(tree.extractfile(member))
                elif member.islnk():
                    sums[path] = sums.get(usual_path("/" + member.linkname.removeprefix("./")), "")
                if path in sums:
                    scripted = gives_rights and (path.encode() in script or name.encode() in script)
                    yield path, Packaged(sums[path], member.mode & 0o7777, member.uid, member.gid, scripted)


def _sum(file: IO[bytes] | None) -> str:
    sha = hashlib.sha256()
    while file is not None and (block := file.read(1 << 20)):
        sha.update(block)
    return sha.hexdigest()
