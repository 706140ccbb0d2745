"""ungcuu as the tool under test: its verbs and playbooks, found in the registry and in the folder of playbooks."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import yaml
from adapter import World
from watched import Ran

from ungcuu.case.case import open_case
from ungcuu.case.journal import Journal
from ungcuu.contain import blocks, isolation_state
from ungcuu.core.atomic import make_private, put_json
from ungcuu.core.errors import Exit
from ungcuu.core.settings import Settings
from ungcuu.detect import baseline

ROOT = Path(__file__).resolve().parents[3]
HOST = "evil01"
POINT = "4e3a0bd1" + "0" * 56
CONFIRM = ("--confirm-host", HOST)


@dataclass(frozen=True)
class Action:
    """How one action is typed. ``playbooks`` are those that it runs."""

    words: tuple[str, ...]
    playbooks: tuple[str, ...] = ()


ACTIONS: Mapping[str, Action] = {
    "accept-point": Action(("accept-point", HOST, POINT[:8], "--reason", "test"), ("accept_point",)),
    "audit": Action(("audit", HOST)),
    "backup": Action(("backup", HOST), ("backup",)),
    "baseline": Action(("baseline", HOST, "--accept-findings"), ("baseline",)),
    "block": Action(("block", HOST, "203.0.113.9", "--reason", "test"), ("block",)),
    "case sweep": Action(("case", "sweep")),
    "collect": Action(("collect", HOST, "--profile", "volatile"), ("collect",)),
    "discover": Action(("discover", HOST)),
    "doctor": Action(("doctor", HOST)),
    "enrol": Action(("enrol", HOST)),
    "eradicate": Action(("eradicate", HOST, "--path", "/var/www/portal/x.php", *CONFIRM), ("eradicate",)),
    "harden": Action(
        (
            "harden",
            HOST,
        ),
        ("harden",),
    ),
    "harden website": Action(
        (
            "harden",
            "two01/second",
        ),
        ("harden_website",),
    ),
    "isolate": Action(("isolate", HOST), ("isolate",)),
    "lock": Action(("lock", HOST, *CONFIRM), ("lock",)),
    "patch": Action(("patch", HOST, "--urgent", "--backup-hours", "0"), ("patch",)),
    "patch application": Action(("patch", HOST, "--application", "ARCHIVE", "--sha256", "SUM"), ("patch_application",)),
    "reassess": Action(("reassess", HOST, "--entry-closed", "the form was removed"), ("reassess",)),
    "rebuild": Action(("rebuild", HOST, *CONFIRM), ("rebuild",)),
    "release": Action(("release", HOST, *CONFIRM), ("release",)),
    "restore": Action(("restore", HOST, *CONFIRM), ("restore",)),
    "restore-drill": Action(("restore-drill", HOST, "--on", "spare01"), ("restore_drill",)),
    "restore-points": Action(("restore-points", HOST), ("restore_points",)),
    "resume": Action(("resume", HOST)),
    "rotate": Action(("rotate", HOST, *CONFIRM), ("rotate",)),
    "scan": Action(("scan", HOST), ("scan",)),
    "unblock": Action(("unblock", HOST, "203.0.113.9"), ("block",)),
    "unlock": Action(("unlock", HOST, *CONFIRM), ("lock",)),
    "verify": Action(("verify", HOST)),
    "watch rehearse": Action(("watch", "rehearse", HOST, "--within", "1")),
    "watch round": Action(("watch", "round", HOST, "--full")),
}
# Verbs that ask no managed host anything. A verb in neither list fails the suite.
WITHOUT_HOST: Mapping[str, str] = {
    "drill report": "the state", "drill show": "prints a plan", "form scenario": "prints a plan",
    "kit make": "the state and the inventory", "kit open": "a file and its passphrase", "records": "the journals",
    "watch hold": "keeps a login, and reads nothing of it", "ack": "alerts of the state folder",
    "board": "shows the state folder", "completion": "prints a script",
    "drill run": "has a lab of its own", "drill list": "prints a list", "init": "only asks people and an address's key",
    "known-good make": "reads an archive", "known-good list": "prints a list", "known-good forget": "the state folder",
    "lab up": "the lab's own machines", "lab down": "the lab's own machines", "lab status": "the lab's own machines",
    "lab restart": "the lab's own machines", "lab exec": "the lab's own machines", "metrics": "shows the state folder",
    "notify test": "sends a message", "profile check": "reads a file", "status": "shows the state folder",
    "watch approve": "asks the website as its visitors do", "watch deployment": "notes a time",
    "watch install": "writes units of this machine", "watch report": "the state",
    **{f"config {name}": "reads the inventory" for name in ("check", "show", "schema")},
    **{f"form {name}": "papers of the state" for name in ("plan", "annual", "drill", "patch", "audit", "check")},
    **{f"register {name}": "the register" for name in ("add", "list", "due", "done", "report", "export", "import")},
    **{f"case {name}": "the case's records" for name in (
        "open", "update", "status", "list", "note", "task", "done", "lessons", "sent", "ack", "remind", "deadlines",
        "verdict", "report", "form", "timeline", "scope", "indicators", "close", "verify", "forget", "timestamp",
        "export")},
}  # fmt: skip # a table


# What such an action says is true whatever the host answers.
TRUE_ANYWAY: Mapping[str, str] = {
    "baseline": "signs the host's own account of itself, for a person who said that it was checked",
    "collect": "keeps what the host said, as what the host said",
}


def _ago(hours: float) -> str:
    return f"{datetime.now(UTC) - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


class Ungcuu:
    """The adapter."""

    working_folder = ROOT
    allowed = ("home/.ansible/*", "site/known_hosts*", "tmp/*", "papers/*")
    cached = ("*/__pycache__/*.pyc*",)
    secrets = ("canary-secret-of-a-target", "canary-secret-of-a-ping", "canary-secret-of-the-caller")
    slow: ClassVar[Mapping[str, float]] = dict.fromkeys(("audit", "harden website", "reassess", "verify"), 180.0)
    opaque = ("cases/*/evidence/*", "keys/*")

    def actions(self) -> Sequence[str]:
        """The table above; that it is whole is a test of its own."""
        return tuple(ACTIONS)

    def prepare(self, world: World, action: str) -> None:
        """Write the inventory, and sign what a verb asks for before it connects."""
        for name in ("home", "state", "tmp", "papers"):
            (world.folder / name).mkdir(mode=0o700)
        self._inventory(world)
        folder = make_private(world.state / "hosts" / HOST)
        if action != "baseline":
            for host in (HOST, "two01--second"):
                snapshot = baseline.Snapshot(ended=True)
                snapshot.rows["file"]["/etc/passwd",] = {"path": "/etc/passwd", "area": "system", "type": "file"}
                baseline.save(world.state, host, snapshot)
        point = {"id": POINT, "time": _ago(0), "bytes": 9, "files": 9}
        put_json(folder / "restore-points.json", {"outcome": "DONE", "points": [point]})
        if made := getattr(self, f"_before_{action.replace(' ', '_').replace('-', '_')}", None):
            made(world, folder)

    def _before_release(self, world: World, folder: Path) -> None:
        isolation_state.mark_isolated(folder, HOST, "full", datetime.now(UTC) - timedelta(hours=2))
        record = {"format": baseline.FORMAT, "host": HOST, "time": _ago(0), "outcome": "clean"}
        record |= {"entry": {"closed": True, "how": "test"}}
        baseline.sign(folder / isolation_state.REASSESSMENT, record, world.state / "keys")

    def _before_patch_application(self, world: World, _folder: Path) -> None:
        with zipfile.ZipFile(world.folder / "release.zip", "w") as archive:
            archive.writestr("wordpress/wp-includes/version.php", "<?php $wp_version = '6.9';")
            archive.writestr("wordpress/index.php", "<?php")

    def _before_unlock(self, _world: World, folder: Path) -> None:
        put_json(folder / "locked.json", {"accounts": [{"name": "lan", "uid": 1001, "password": "x"}], "site": True})

    def _before_unblock(self, _world: World, folder: Path) -> None:
        blocks.save(folder, [blocks.Block("203.0.113.9", "an", "test", _ago(0))])

    def _before_resume(self, world: World, _folder: Path) -> None:
        settings = self._settings(world)
        journal = Journal.open(settings.operations, settings.keys, settings.heads)
        run = {"run": "r1", "verb": "block", "hosts": [HOST], "playbook": "block", "steps": 1, "variables": {}}
        run |= {"options": {"addresses": ["203.0.113.9"], "until": None}, "reason": "test", "operator": "an"}
        run |= {"inventory": str(world.folder / "site"), "typed_inventory": str(world.folder / "site")}
        journal.append("run_started", run)

    def _before_case_sweep(self, world: World, _folder: Path) -> None:
        open_case(self._settings(world), (HOST,), "hostile")

    def _settings(self, world: World) -> Settings:
        return Settings(world.state, ROOT, "an", world.folder / "site", str(world.folder / "site"))

    def _inventory(self, world: World) -> None:
        site = Path(shutil.copytree(ROOT / "inventory" / "example", world.folder / "site"))
        reach = {"ansible_host": "127.0.0.1", "ansible_port": world.host.port, "ansible_user": world.host.user}
        reach |= {"ansible_ssh_private_key_file": str(world.host.key), "website_vault_host": "vault01"}
        reach |= {"website_vault_address": "127.0.0.1", "management_addresses": ["127.0.0.1"]}
        target, ping, _caller = self.secrets
        reach |= {"watch_targets": [f"json://mai:{target}@127.0.0.1:9/"]}
        reach |= {"watch_ping_address": f"http://127.0.0.1:9/{ping}"}
        second = {"name": "second", "website_name": "second.example", "website_root": "/var/www/second"}
        second |= {"website_user": "second", "website_health_path": "/", "website_health_text": "x"}
        first = {
            **second,
            "name": "first",
            "website_name": "first.example",
            "website_root": "/var/www/first",
            "website_user": "first",
        }
        groups = {
            "website": {"hosts": {HOST: reach, "two01": {**reach, "websites": [first, second]}}},
            "vault": {"hosts": {"vault01": reach}},
            "spare": {"hosts": {"spare01": reach}},
        }
        (site / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
        names = (HOST, "two01", "vault01", "spare01", "127.0.0.1", f"[127.0.0.1]:{world.host.port}")
        (site / "known_hosts").write_text("".join(f"{name} {world.host.pinned}\n" for name in names))

    def command(self, world: World, action: str) -> Sequence[str]:
        """The words of the table, in the world's inventory."""
        archive = world.folder / "release.zip"
        given = {"ARCHIVE": str(archive)}
        if archive.exists():
            given["SUM"] = hashlib.sha256(archive.read_bytes()).hexdigest()
        return self._typed(world, *(given.get(word, word) for word in ACTIONS[action].words))

    def papers(self, world: World) -> Sequence[Sequence[str]]:
        """Report, letter, timeline, indicators, calendar and board of the case."""
        papers = world.folder / "papers"
        return [
            self._typed(world, *words)
            for words in (
                ("case", "status"),
                ("case", "report"),
                ("case", "form", "first", "--format", "docx", "--output", str(papers / "first.docx")),
                ("case", "timeline", "--format", "csv", "--output", str(papers / "timeline.csv")),
                ("case", "timeline", "--format", "jsonl", "--output", str(papers / "timeline.jsonl")),
                ("case", "indicators", "--output", str(papers / "indicators.csv")),
                ("board", "--out", str(papers / "board")),
                ("metrics", "--out", str(papers / "metrics.prom")),
                ("status",),
                ("case", "verify"),
            )
        ]

    def case(self, world: World) -> Sequence[str]:
        """Return what opens a case, so that records of the runs have a place in documents."""
        return self._typed(world, "case", "open", HOST, "--title", "hostile")

    def _typed(self, world: World, *words: str) -> list[str]:
        return [sys.executable, "-m", "ungcuu", "-i", str(world.folder / "site"), *words]

    def environment(self, world: World) -> Mapping[str, str]:
        """Nothing of whoever runs the suite, but where programs are."""
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])
        own = {"HOME": str(world.home), "UNGCUU_STATE": str(world.state), "TMPDIR": str(world.folder / "tmp")}
        own |= {"CLOUD_PASSWORD": self.secrets[2]}
        plain = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "USER": world.host.user}
        return {**own, **plain, "PATH": path, "COLUMNS": "200", "LINES": "50", "PYTHONDONTWRITEBYTECODE": "1"}

    def says_done(self, action: str, ran: Ran) -> bool:
        """Exit code 0 is the tool's word for DONE."""
        return ran.code == 0 and action not in TRUE_ANYWAY

    def word(self, ran: Ran) -> str:
        """The exit code's name, as docs/reference/exit-codes.md lists them."""
        try:
            return Exit(ran.code).name.replace("_", " ")
        except ValueError:
            return f"exit code {ran.code}"
