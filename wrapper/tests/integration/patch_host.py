"""A lab host whose only package source is a small one of our own: real packages, real apt, no mirror."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ungcuu.lab import Lab
from ungcuu.plugins.action.ungcuu_program import build

ROLE = Path(__file__).parents[3] / "roles/patching"
PROGRAM = "/usr/local/sbin/ungcuu-patch"

# Runs on the host: builds the packages asked for and both repositories, with dpkg-deb and Python alone.
BUILDER = r"""
import gzip, hashlib, json, os, pathlib, shutil, subprocess, sys
packages = json.load(sys.stdin)
root = pathlib.Path("/srv/fixture"); shutil.rmtree(root / "dists", ignore_errors=True)
kept = pathlib.Path("/srv/built"); kept.mkdir(exist_ok=True)
pool = root / "pool"; shutil.rmtree(pool, ignore_errors=True); pool.mkdir(parents=True)
index = {"stable-security": "", "stable": ""}
for p in packages:
    name, version = p["name"], p["version"]
    mark = hashlib.sha256(json.dumps(p, sort_keys=True).encode()).hexdigest()
    deb = pool / f"{name}_{version.replace(':', '%3a')}_all.deb"
    if (kept / mark).exists():
        shutil.copy2(kept / mark, deb); index[p["suite"]] += (kept / (mark + ".index")).read_text(); continue
    tree = pathlib.Path("/tmp/build") / f"{name}_{version}"; shutil.rmtree(tree, ignore_errors=True)
    (tree / "DEBIAN").mkdir(parents=True); doc = tree / "usr/share/doc" / name; doc.mkdir(parents=True)
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Lab <lab@lab.test>\n"
    control += "".join(f"{k}: {v}\n" for k, v in p["fields"].items())
    control += f"Installed-Size: {p['installed_size']}\nDescription: lab\n"
    (tree / "DEBIAN/control").write_text(control)
    for script, text in p["scripts"].items():
        (tree / "DEBIAN" / script).write_text("#!/bin/sh\n" + text + "\n"); (tree / "DEBIAN" / script).chmod(0o755)
    for path, text in p["files"].items():
        f = tree / path.lstrip("/"); f.parent.mkdir(parents=True, exist_ok=True); f.write_text(text)
        if "bin/" in path: f.chmod(0o755)
    if p["conffiles"]: (tree / "DEBIAN/conffiles").write_text("\n".join(p["conffiles"]) + "\n")
    (doc / "changelog.Debian.gz").write_bytes(gzip.compress(p["changelog"].encode()))
    subprocess.run(["dpkg-deb", "-Zgzip", "--root-owner-group", "-b", str(tree), str(deb)], check=True, stdout=-3)
    data = deb.read_bytes()
    shown = subprocess.run(["dpkg-deb", "-f", str(deb)], capture_output=True, text=True, check=True).stdout
    digest = hashlib.sha256(data).hexdigest()
    stanza = shown + f"Filename: pool/{deb.name}\nSize: {len(data)}\nSHA256: {digest}\n\n"
    index[p["suite"]] += stanza; shutil.copy2(deb, kept / mark); (kept / (mark + ".index")).write_text(stanza)
for suite, text in index.items():
    folder = root / "dists" / suite / "main/binary-amd64"; folder.mkdir(parents=True)
    (folder / "Packages").write_text(text)
    label = "Debian-Security" if suite == "stable-security" else "Debian"
    body = text.encode()
    (root / "dists" / suite / "Release").write_text(
        f"Origin: Debian\nLabel: {label}\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\nComponents: main\n"
        f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
        f" {hashlib.sha256(body).hexdigest()} {len(body)} main/binary-amd64/Packages\n")
"""


@dataclass(frozen=True)
class Package:
    """One version of one package."""

    name: str
    version: str
    suite: str = "stable-security"
    cves: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    conffiles: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    installed_size: int = 10

    def data(self) -> dict[str, Any]:
        """As the builder takes it."""
        fixes = "".join(f"  * {cve}: mended.\n" for cve in self.cves) or "  * Nothing of note.\n"
        date = "Mon, 02 Nov 2026 08:00:00 +0000"
        changelog = f"{self.name} ({self.version}) lab; urgency=high\n\n{fixes}\n -- Lab <lab@lab.test>  {date}\n"
        old = (
            f"\n{self.name} (0.1) lab; urgency=low\n\n  * CVE-2001-0001: long ago.\n\n -- Lab <lab@lab.test>  {date}\n"
        )
        return {**vars(self), "changelog": changelog + old}


class PatchHost:
    """web01 with our packages; the program of the role is driven over the container's back door."""

    def __init__(self, lab: Lab, name: str = "web01") -> None:
        self.lab, self.name = lab, name
        self.published: list[Package] = []
        self.sh(
            "echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/lab; mkdir -p /srv/fixture;"
            "rm -f /etc/apt/sources.list.d/*;"
            "printf 'deb [trusted=yes] file:/srv/fixture stable-security main\\n"
            "deb [trusted=yes] file:/srv/fixture stable main\\n' > /etc/apt/sources.list"
        )
        program = build(ROLE / "files/ungcuu_patch", "/usr/bin/python3 -IB")
        lab.exec(name, ["sh", "-c", f"cat >{PROGRAM} && chmod 755 {PROGRAM}"], program)

    def sh(self, script: str, *, check: bool = True, stdin: str = "") -> str:
        """Run a script as root; gives what it printed."""
        done = self.lab.exec(self.name, ["bash", "-ec", script], stdin.encode())
        assert not check or done.returncode == 0, f"{script}: {done.stdout.decode()} {done.stderr.decode()}"
        return done.stdout.decode()

    def write(self, path: str, text: str) -> None:
        """Write a file on the host."""
        self.sh(f"cat > {path}", stdin=text)

    def publish(self, *packages: Package) -> None:
        """Put packages into the repositories, beside those of before; the same name and version is replaced."""
        new = {(package.name, package.version) for package in packages}
        self.published = [old for old in self.published if (old.name, old.version) not in new] + list(packages)
        done = self.lab.exec(
            self.name, ["python3", "-c", BUILDER], json.dumps([p.data() for p in self.published]).encode()
        )
        assert done.returncode == 0, done.stderr.decode()

    def withdraw(self, *names: str) -> None:
        """Take packages out of the repositories and off the host."""
        self.published = [package for package in self.published if package.name not in names]
        self.publish()
        for name in names:
            self.sh(f"rm -f /var/lib/dpkg/info/{name}.p*; dpkg --purge --force-all {name}", check=False)

    def install(self, *packages: Package) -> None:
        """Publish first versions and install them, leaving no copy in apt's cache."""
        self.publish(*packages)
        words = " ".join(f"{package.name}={package.version}" for package in packages)
        self.sh(f"apt-get -q update && apt-get -y -q install {words} && apt-get clean")

    def version(self, name: str) -> str:
        """Installed version and dpkg's status, as one word each."""
        return self.sh(f"dpkg-query -W -f '${{db:Status-Abbrev}} ${{Version}}' {name}", check=False).strip()

    def ask(self, verb: str, **question: Any) -> dict[str, Any]:
        """One call of the program."""
        done = self.lab.exec(self.name, [PROGRAM, verb, json.dumps(question)])
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def plan(self, *, everything: bool = False, tools: tuple[str, ...] = ()) -> dict[str, Any]:
        """The plan."""
        return self.ask("plan", everything=everything, tools=list(tools))

    def upgrade(self, plan: dict[str, Any], word: str = "keep", **more: Any) -> dict[str, Any]:
        """Carry a plan out as the role does; gives the unit's last state."""
        self.start(plan, **more)
        state = self.ask("follow", seconds=120, finished=False)["state"]
        if state["stage"] == "waiting" and word:
            self.ask("answer", word=word)
            state = self.ask("follow", seconds=120, finished=True)["state"]
        return state

    def start(self, plan: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Start the unit with a plan."""
        request = {"action": "upgrade", "packages": plan["packages"], "restarts": plan["restarts"], "plan": plan}
        request |= {"lock_seconds": 2, "confirm_seconds": 60, "package_seconds": 60, **more}
        return self.ask("start", **request)
