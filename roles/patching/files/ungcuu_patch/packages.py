"""What is installed, what apt could install, and what apt would do: all of it read-only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ungcuu_patch.system import Fault, run, tail
from ungcuu_patch.versions import Version

FORMAT = (
    "${binary:Package}\\t${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Abbrev}\\t"
    "${source:Package}\\t${source:Version}\\n"
)
# Second letter of dpkg's status: half-installed, unpacked, half-configured, triggers awaited or pending.
UNFINISHED = set("HUFWt")
SIMULATED = re.compile(r"^(Inst|Conf|Remv) (\S+)(?: \[([^\]]*)\])?(?: \((\S+) (.*?)\[(\S+)\]\))?")
POLICY_RELEASE = re.compile(r"^ *-?\d+ (.+)$")


@dataclass(frozen=True)
class Installed:
    """One installed package."""

    name: str
    architecture: str
    version: str
    status: str
    source: str
    source_version: str


@dataclass
class Known:
    """What apt knows of one package: its candidate, and for each version the priority and the sources that have it."""

    candidate: str = ""
    versions: dict[str, tuple[int, list[str]]] = field(default_factory=dict)


class Apt:
    """apt-get and apt-cache, on the host's own lists or on private ones that leave the host as it was."""

    def __init__(self, private: Path | None = None) -> None:
        self.options: list[str] = []
        if private:
            lists, cache = private / "lists", private / "cache"
            lists.mkdir(mode=0o755, exist_ok=True)
            (cache / "archives/partial").mkdir(parents=True, mode=0o755, exist_ok=True)
            for name, value in (
                ("Dir::State::Lists", lists),
                ("Dir::Cache::pkgcache", cache / "pkgcache.bin"),
                ("Dir::Cache::srcpkgcache", cache / "srcpkgcache.bin"),
                ("Acquire::GzipIndexes", "true"),
            ):
                self.options += ["-o", f"{name}={value}"]

    def update(self) -> None:
        """Fetch the package lists.

        Raises:
            Fault: ``mirror_unreachable``; apt would go on with old lists, and the plan would miss what it should find.
        """
        done = run(
            ["apt-get", *self.options, "-q", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=2",
             "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20", "update"]
        )  # fmt: skip # a table
        if done.returncode:
            raise Fault("mirror_unreachable", f"the package lists could not be fetched: {errors_of(done.stderr)}")

    def cache(self, *arguments: str) -> str:
        """Output of ``apt-cache``."""
        return run(["apt-cache", *self.options, *arguments]).stdout

    def get(self, *arguments: str, **more: object) -> tuple[int, str, str]:
        """Exit code and both outputs of ``apt-get``."""
        done = run(["apt-get", *self.options, "-q", *arguments], **more)
        return done.returncode, done.stdout, done.stderr


def errors_of(text: str) -> str:
    """apt's own error lines, or the end of what it said."""
    lines = [line for line in text.splitlines() if line.startswith(("E:", "W:"))]
    return tail("\n".join(lines) or text)


def installed() -> dict[str, Installed]:
    """Installed packages by the name that apt and dpkg take (``libc6:i386`` for a foreign architecture)."""
    found = {}
    for line in run(["dpkg-query", "-W", "-f", FORMAT]).stdout.splitlines():
        cells = line.split("\t")
        if len(cells) == 7 and cells[4][1:2] not in ("n", "c", ""):
            # dpkg adds the architecture to every Multi-Arch: same package; apt leaves the native one out.
            name = cells[1] if cells[2] in (native_architecture(), "all") else cells[0]
            found[name] = Installed(name, cells[2], cells[3], cells[4].strip(), cells[5], cells[6])
    return found


_native: list[str] = []


def native_architecture() -> str:
    """dpkg's own architecture, asked once."""
    if not _native:
        _native.append(run(["dpkg", "--print-architecture"]).stdout.strip())
    return _native[0]


def unfinished(packages: Iterable[Installed]) -> list[str]:
    """Packages that dpkg left half-done, and a word for an interrupted dpkg itself."""
    names = [package.name for package in packages if package.status[1:2] in UNFINISHED]
    journal = [path for path in Path("/var/lib/dpkg/updates").iterdir() if path.name.isdecimal()]
    return names + (["(dpkg's own journal)"] if journal else [])


def security_sources(apt: Apt) -> set[str]:
    """Index files whose Release says Origin Debian and Label Debian-Security, as apt-cache policy names them."""
    found: set[str] = set()
    source = ""
    for line in apt.cache("policy").splitlines():
        if "release " in line and source:
            fields = dict(part.partition("=")[::2] for part in line.split("release ", 1)[1].split(","))
            if fields.get("o") == "Debian" and fields.get("l") == "Debian-Security":
                found.add(source)
        elif match := POLICY_RELEASE.match(line):
            source = match[1].strip()
    return found


def known(apt: Apt, names: Sequence[str]) -> dict[str, Known]:
    """apt-cache policy of the packages, parsed."""
    found: dict[str, Known] = {}
    current, version = Known(), ""
    for line in apt.cache("policy", *names).splitlines() if names else ():
        if line and not line.startswith(" "):
            current = found[line.rstrip(":")] = Known()
        elif line.startswith("  Candidate: "):
            current.candidate = line.split(": ", 1)[1].replace("(none)", "")
        elif line.startswith((" *** ", "     ")) and not line.startswith("        "):
            words = line[5:].split()
            version = words[0] if words else ""
            current.versions[version] = (int(words[1]) if len(words) > 1 else 0, [])
        elif line.startswith("        ") and version in current.versions and (match := POLICY_RELEASE.match(line)):
            current.versions[version][1].append(match[1].strip())
    return found


def newest(versions: Iterable[str]) -> str:
    """The newest of some versions, or an empty text."""
    return max(versions, key=Version, default="")


@dataclass(frozen=True)
class Wish:
    """An upgrade that should be had: to a security version, or to apt's candidate."""

    name: str
    to: str
    security: bool
    why_not: str = ""


def wishes(apt: Apt, have: dict[str, Installed], everything: bool) -> list[Wish]:
    """Every upgrade on offer, those that must not be made (held, pinned) with the reason."""
    policies, security = known(apt, sorted(have)), security_sources(apt)
    found = []
    for name, package in sorted(have.items()):
        policy, now = policies.get(name, Known()), Version(package.version)
        newer = {text: row for text, row in policy.versions.items() if Version(text) > now}
        fixes = [text for text, (_, sources) in newer.items() if security & set(sources)]
        # A pin speaks through the candidate: nothing above it may be installed, a security version neither.
        allowed = [text for text in fixes if Version(text) <= Version(policy.candidate)]
        offered = policy.candidate if policy.candidate in newer else ""
        wanted = (offered if everything else "") or newest(allowed) or newest(fixes) or offered
        if not wanted:
            continue
        why_not = "held" if package.status.startswith("h") else "pinned" if fixes and not allowed else ""
        if not (everything or fixes or why_not):
            why_not = "not a security update"
        found.append(Wish(name, wanted, bool(fixes), why_not))
    return found


@dataclass(frozen=True)
class Action:
    """One line of a simulation: apt would install (or upgrade) or remove this."""

    name: str
    old: str
    new: str
    remove: bool


def simulate(apt: Apt, arguments: Sequence[str]) -> tuple[list[Action], str]:
    """What apt would do, and its error where it would do nothing."""
    code, out, err = apt.get("-s", "-y", "-o", "APT::Install-Recommends=false", "install", *arguments)
    if code:
        # Held packages make apt speak of "Held packages were changed"; unmet ones are listed on stdout.
        return [], errors_of(err) or tail(out)
    found = []
    for line in out.splitlines():
        if (match := SIMULATED.match(line)) and match[1] != "Conf":
            found.append(Action(match[2], match[3] or "", match[4] or "", match[1] == "Remv"))
    return found, ""


def stanzas(apt: Apt, wanted: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Control fields by package and version, of ``name=version`` words."""
    found = {}
    for text in apt.cache("show", "--no-all-versions", *wanted).split("\n\n") if wanted else ():
        fields = dict(line.partition(": ")[::2] for line in text.splitlines() if not line.startswith(" "))
        if "Package" in fields:
            found[fields["Package"], fields.get("Version", "")] = fields
    return found


def download_sizes(apt: Apt, arguments: Sequence[str]) -> int:
    """Bytes that apt would fetch; what its cache has already counts nothing."""
    _, out, _ = apt.get("--print-uris", "-y", "-o", "APT::Install-Recommends=false", "install", *arguments)
    rows = re.findall(r"^'[^']+' \S+ (\d+) ", out, re.MULTILINE)
    return sum(int(size) for size in rows)
