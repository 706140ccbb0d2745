"""Runs the roles' own tests (pytest-testinfra) against a host over one shared SSH connection.

The files are those that Molecule runs. pytest runs as a process of its own: what a host answers is bounded by the same
process guard as a playbook run, and only typed, neutralised results come back.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from ungcuu.core import process_guard
from ungcuu.core.errors import Undetermined, UngcuuError, Unreachable, UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.scratch import private_folder
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import clean
from ungcuu.hosts.site import Site
from ungcuu.hosts.ssh import Target, ssh_options
from ungcuu.run.bounds import MOST_MEMORY
from ungcuu.run.plan import playbook_roles

# The state that a host is meant to be in is what these bring about.
PLAYBOOKS = ("harden", "backup")
MOST_CHECKS = 5000
Progress = Callable[[int, str], None]  # gets how many checks have ended, and the role of the last one


@dataclass(frozen=True)
class Check:
    """One test on one host. ``outcome`` is passed, failed, skipped, error (it could not be carried out) or not assessed
    (the inventory lacks a fact that it needs; ``message`` names it)."""

    host: str
    role: str
    name: str
    outcome: str
    why: str = ""
    message: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.outcome in ("passed", "skipped")

    def as_data(self) -> dict[str, object]:
        """Return the check for the journal and ``--json``."""
        return asdict(self)


def roles_of(site: Site, host: str, settings: Settings) -> tuple[str, ...]:
    """Return the roles with tests that the playbooks of :data:`PLAYBOOKS` give to this host."""
    member = {"all", host, *(name for name, hosts in site.groups.items() if host in hosts)}
    found: dict[str, None] = {}
    for playbook in PLAYBOOKS:
        if not (settings.playbooks / f"{playbook}.yml").is_file():
            continue
        for pattern, role in playbook_roles(settings.content, playbook):
            if member & set(re.split(r"[:,]", pattern)) and _tests(settings, role):
                found[role] = None
    return tuple(found)


def verify(
    settings: Settings,
    site: Site,
    host: str,
    roles: Sequence[str] = (),
    *,
    deadline: float = 900.0,
    progress: Progress = lambda _count, _role: None,
) -> tuple[Check, ...]:
    """Run the tests of these roles (by default those of :func:`roles_of`) on a host and return every result.

    Raises:
        UsageFault: A role has no tests.
        Unreachable: The host did not answer, so nothing is known.
        Undetermined: The tests took too long or the host answered with too much.
    """
    for role in roles:
        if not _tests(settings, role):
            known = ", ".join(sorted(p.parent.name for p in settings.roles.glob("*/tests") if any(p.glob("test_*.py"))))
            raise UsageFault(
                _("The role {role} has no tests.").format(role=role),
                "",
                _("roles with tests: {known}").format(known=known),
            )
    chosen = tuple(roles) or roles_of(site, host, settings)
    if not chosen:
        return ()
    _reach(site.target(host))
    with private_folder() as folder:
        config = _ssh_config(folder, site)
        _write(folder / "facts.json", json.dumps(site.hosts))
        try:
            return _run(settings, folder, host, chosen, deadline, progress=progress)
        finally:
            for name in site.hosts:
                _hang_up(config, name, folder)


def _tests(settings: Settings, role: str) -> bool:
    return bool(re.fullmatch(r"\w+", role)) and any((settings.roles / role / "tests").glob("test_*.py"))


def _reach(target: Target) -> None:
    """Refuse early, and with the right reason, when the host does not answer."""
    from ungcuu.hosts import ssh

    answer = ssh.run(target, ["true"], timeout=20, byte_quota=4096)
    if not answer.ok:
        raise Unreachable(
            _("{host} can't be reached: {message}").format(
                host=target.name, message=clean(answer.detail or answer.stderr, 300)
            ),
            _("Nothing was changed."),
            f"ungcuu doctor {target.name}",
        )


def _run(
    settings: Settings, folder: Path, host: str, roles: Sequence[str], deadline: float, *, progress: Progress
) -> tuple[Check, ...]:
    results, config = folder / "results.jsonl", folder / "ssh_config"
    options = f"""
        -q --tb=short --import-mode=importlib -p ungcuu.prepare.verify_plugin -p no:cacheprovider
        --sudo --hosts=ungcuu://{host}?controlpersist=0"""
    _write(folder / "pytest.ini", f"[pytest]\naddopts ={options}\n")
    where = [f"--rootdir={settings.content}", f"--ssh-config={config}", f"--basetemp={folder / 'tmp'}"]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-c", str(folder / "pytest.ini"), *where),
            *(str(settings.roles / role / "tests") for role in roles),
        ],
        cwd=settings.content,
        env={
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "UNGCUU_RESULTS": str(results),
            "UNGCUU_SITE_FACTS": str(folder / "facts.json"),
            "UNGCUU_SSH_CONFIG": str(config),
        },
        stdin=subprocess.DEVNULL,
        stdout=(folder / "output").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    _watch(process, folder, host, time.monotonic() + deadline, progress)
    checks = tuple(_read(results, host))
    if process.returncode not in (0, 1, 5) or (process.returncode != 0 and not checks):
        raise UngcuuError(
            _("The tests could not be carried out: {detail}").format(
                detail=clean((folder / "output").read_text("utf-8", "replace")[-3000:], 3000, lines=True)
            ),
            _("Nothing was changed."),
            f"ungcuu verify {host} -v",
        )
    return checks


def _watch(process: subprocess.Popen[bytes], folder: Path, host: str, until: float, progress: Progress) -> None:
    results, scale = folder / "results.jsonl", process_guard.Scale()
    try:
        while process.poll() is None:
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                progress(*_so_far(results))
                if time.monotonic() > until or scale.is_over(process_guard.children(str(folder)), MOST_MEMORY):
                    raise Undetermined(
                        _("The tests on {host} took too long, or the host answered with too much.").format(host=host),
                        _("Nothing was changed."),
                        f"ungcuu verify {host} --role ROLE",
                    ) from None
    finally:
        process_guard.end(str(folder))
        process.wait()


def _so_far(results: Path) -> tuple[int, str]:
    """How many tests have ended, and the role of the last one."""
    lines = results.read_bytes().splitlines() if results.is_file() else []
    found = re.search(rb"roles/(\w+)/tests/", lines[-1]) if lines else None
    return len(lines), found[1].decode() if found else ""


def _read(results: Path, host: str) -> Iterator[Check]:
    """Yield the results; what a host said is in them, so each text is cleaned."""
    lines = results.read_text("utf-8").splitlines() if results.is_file() else []
    for line in lines[:MOST_CHECKS]:
        row: Mapping[str, object] = json.loads(line)
        nodeid = str(row["nodeid"])
        role = next(
            (part for before, part in pairwise(nodeid.split("::", maxsplit=1)[0].split("/")) if before == "roles"), ""
        )
        name = re.sub(r"\[ssh://[^\]-]*-?|\]$", lambda m: "[" if m[0].endswith("-") else "", nodeid.rpartition("::")[2])
        yield Check(
            host,
            role,
            clean(name, 300),
            str(row["outcome"]),
            clean(row["why"], 1000, lines=True),
            clean(row["message"], 2000, lines=True),
            float(str(row["seconds"])),
        )


def _ssh_config(folder: Path, site: Site) -> Path:
    """Write an ssh configuration in which every host of the site has its name, pinned key and a shared connection."""
    blocks = []
    for name in site.hosts:
        target = site.target(name)
        lines = [f"HostName={target.address}", f"Port={target.port}", f"User={target.user}"]
        lines += ssh_options(target, folder / "cm-%C")
        blocks.append("\n  ".join([f"Host {name}", *(line.replace("cm-%%C", "cm-%C") for line in lines)]))
    return _write(folder / "ssh_config", "\n".join(blocks) + "\n")


def _hang_up(config: Path, host: str, folder: Path) -> None:
    if any(folder.glob("cm-*")):
        subprocess.run(
            ["ssh", "-F", str(config), "-O", "exit", host],
            check=False,
            capture_output=True,
            timeout=10,
            stdin=subprocess.DEVNULL,
        )


def _write(path: Path, text: str) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path
