"""A task of every action plugin, and the host that it meets, for the tests of check mode and diff."""

from __future__ import annotations

import getpass
import grp
import json
import os
import pwd
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import plugin_runs
import pytest
from ansible import constants
from ansible.plugins.action import ActionBase
from plugin_runs import ROOT, Host, answering, no_host

from ungcuu.detect import known_files, renewal, scan
from ungcuu.hosts import remote_program
from ungcuu.recover import quarantine
from ungcuu.remote import accounts, code_owner, dropins

GROUP = grp.getgrgid(os.getgid()).gr_name


@dataclass
class Scenario:
    """One task: what it is given, the host that it meets, and whether a real run would change something.

    ``host`` may keep a state of its own, which then must not change in check mode: ``state`` shows it.
    """

    arguments: dict[str, Any]
    host: Host = no_host
    changes: bool = False
    real: bool = True  # whether the real run is made here too
    variables: dict[str, Any] = field(default_factory=dict)
    state: Callable[[], Any] = lambda: None


SCENARIOS: dict[str, Callable[[Path, pytest.MonkeyPatch], Scenario]] = {}


def scenario(make: Callable[[Path, pytest.MonkeyPatch], Scenario]) -> Callable[[Path, pytest.MonkeyPatch], Scenario]:
    """Register a scenario under the plugin's name."""
    SCENARIOS[make.__name__] = make
    return make


# --- what changes a host or the controller ------------------------------------------------------------------------


def dropins_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return this machine as the host, with everything that it keeps below ``tmp_path``."""
    monkeypatch.setattr(dropins, "STATE", tmp_path / "state")
    return answering(dropins.main)


def file_of(path: Path, **more: Any) -> dict[str, Any]:
    return {"dest": str(path), "owner": getpass.getuser(), "group": GROUP, "mode": "0644", **more}


@scenario
def ungcuu_dropins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    conf = tmp_path / "daemon.conf"
    conf.write_text("old = 1\n")
    edit = {"pattern": "old", "replace": "new"}
    arguments = {"files": [{"dest": str(conf), "edits": [edit]}], "apply": [["true"]]}
    return Scenario(arguments, dropins_here(tmp_path, monkeypatch), changes=True)


@scenario
def ungcuu_code_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """The modes of real files; who owns them is tested as root, in test_code_owner.py."""
    root = tmp_path / "portal"
    root.mkdir()
    (root / "index.php").write_text("<?php", "utf-8")
    (root / "index.php").chmod(0o666)
    monkeypatch.setattr(code_owner, "KEPT", tmp_path / "kept.json")
    monkeypatch.setattr(code_owner.User, "named", lambda _name: code_owner.User(65533, frozenset()))
    arguments = {"state": "read_only", "root": str(root), "user": "portal"}
    return Scenario(arguments, answering(code_owner.main), changes=True)


@scenario
def ungcuu_containment(tmp_path: Path, _: pytest.MonkeyPatch) -> Scenario:
    return Scenario({"state": "isolated", "folder": str(tmp_path), "mode": "full"}, changes=True)


@scenario
def ungcuu_blocks(tmp_path: Path, _: pytest.MonkeyPatch) -> Scenario:
    arguments = {"folder": str(tmp_path), "add": ["203.0.113.9"], "reason": "brute force", "owner": "an"}
    return Scenario(arguments, changes=True)


@scenario
def ungcuu_packages(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    """What apt simulates is the same in both; the program's own check mode is tested with apt itself."""
    seen: list[bool] = []

    def host(order: dict[str, Any]) -> dict[str, Any]:
        if not order["check"]:
            seen.append(True)
        return {"installed": ["auditd=1"], "removed": ["telnet"]}

    arguments = {"present": ["auditd"], "absent": ["telnet"], "guard": []}
    return Scenario(arguments, answering(host), changes=True, state=lambda: list(seen))


def people(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the accounts of a host: /etc/shadow's fields, and how many of the website's are open."""
    known: dict[str, Any] = {"mai": ["$6$x", ""], "site": 3}

    def run(argv: list[str], query: str = "") -> str:
        if argv[0] == "usermod":
            known["mai"][argv[1] == "-e"] = "1" if argv[1] == "-e" else "!$6$x"
        elif "information_schema" in query:
            return "wp_users wp_usermeta"
        elif query.startswith("SELECT COUNT"):
            return str(known["site"])
        else:
            count, known["site"] = known["site"], 0
            return str(count)
        return ""

    mai = pwd.struct_passwd(("mai", "x", 1001, 1001, "", "/nonexistent", "/bin/sh"))
    monkeypatch.setattr(accounts, "candidates", lambda _keep, _wanted: ([mai], []))
    monkeypatch.setattr(accounts, "shadow", lambda _name: tuple(known["mai"]))
    monkeypatch.setattr(accounts, "run", run)
    monkeypatch.setattr(accounts, "halt", lambda _uid, _signal: 0)
    return known


@scenario
def ungcuu_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    known = people(monkeypatch)
    arguments = {
        "state": "locked",
        "folder": str(tmp_path),
        "keep": ["ungcuu"],
        "application": "wordpress",
        "engine": "mariadb",
        "database": "portal",
    }
    return Scenario(arguments, answering(accounts.main), changes=True, state=lambda: json.dumps(known))


@scenario
def quarantine_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    taken: list[str] = []

    def program(_target: Any, name: str, config: Mapping[str, Any], *_: Any, changes: bool) -> bytes:
        assert name == "quarantine"
        assert changes is not config["check"]
        if not config["check"]:
            taken.extend(row["id"] for row in config["actions"])
        outcome = "would" if config["check"] else "done"
        return b"\n".join(json.dumps({"id": row["id"], "outcome": outcome}).encode() for row in config["actions"])

    monkeypatch.setattr(remote_program, "run_program", program)
    monkeypatch.setattr(quarantine, "remember", lambda _subject, _taken: None)
    variables = {"website_root": "/var/www/portal", "ungcuu_state": str(tmp_path)}
    return Scenario({"paths": ["/var/www/portal/x.php"]}, changes=True, variables=variables, state=lambda: list(taken))


def passwords_of_all(folder: Path) -> dict[str, Any]:
    """What `rotate_credentials` is asked for where every account gets a new password."""
    return {
        "what": "accounts",
        "accounts": [],
        "keep": ["ungcuu"],
        "state": str(folder),
        "store": str(folder / "secrets.yml"),
        "store_password": str(folder / "password"),
    }


@scenario
def rotate_credentials(tmp_path: Path, _: pytest.MonkeyPatch) -> Scenario:
    rotated: list[str] = []

    def host(_command: str, request: bytes) -> dict[str, Any]:
        order = json.loads(request)
        answer: dict[str, Any] = {"event": "done", "left": ["ungcuu: manages this host"]}
        if order["do"] == "accounts":
            answer["accounts"] = [{"name": "mai", "password": True}]
        else:
            rotated.append(order["do"])
            answer["accounts"] = [{"name": "mai", "proofs": []}]
        return {"stdout": json.dumps(answer)}

    return Scenario(passwords_of_all(tmp_path), host, changes=True, state=lambda: list(rotated))


@scenario
def give_known_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    kept: list[str] = []
    document = {"format": 1, "host": "web01", "taken": "2026-01-01T00:00:00+00:00", "sha256": "ab" * 32}
    monkeypatch.setattr(known_files, "document", lambda *_: document)

    def host(command: str, _document: bytes) -> dict[str, Any]:
        news = not kept
        if not command.endswith(" --check"):
            kept.append(command)
        return {"stdout": json.dumps({"outcome": "DONE", "changed": news})}

    arguments = {"host": "web01", "state": str(tmp_path), "root": "/var/www/portal"}
    return Scenario(arguments, host, changes=True, state=lambda: list(kept))


@scenario
def ungcuu_program(_: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """The copy itself is Ansible's; that it is handed the task's check mode is what is tested."""
    written: list[str] = []
    load = plugin_runs.load

    class Copy:
        def __init__(self, task: Any) -> None:
            self.task = task

        def run(self, **_variables: Any) -> dict[str, Any]:
            if not self.task.check_mode:
                written.append(self.task.args["dest"])
            return {"changed": True, "diff": {"src_binary": 1}}

    class Shared:
        action_loader = type("Loader", (), {"get": lambda _self, _name, task, **_: Copy(task)})()

    def loaded(name: str, *words: Any, **more: Any) -> Any:
        action = load(name, *words, **more)
        action._shared_loader_obj = Shared()
        monkeypatch.setattr(action, "_find_needle", lambda _kind, name: ROOT / "roles/website_backup/files" / name)
        return action

    monkeypatch.setattr(plugin_runs, "load", loaded)
    arguments = {"package": "ungcuu_site", "dest": "/usr/local/sbin/ungcuu-site"}
    return Scenario(arguments, changes=True, state=lambda: list(written))


@scenario
def ungcuu_command(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    ran: list[str] = []

    def host(command: str, sent_text: bytes) -> dict[str, Any]:
        ran.append(command + sent_text.decode())
        return {"rc": 0}

    arguments = {
        "argv": ["mariadb", "-e", "x"],
        "changes": ["ALTER USER ''@'localhost' ACCOUNT LOCK;"],
        "what": "database_rights",
        "item": "anonymous accounts locked",
    }
    return Scenario(arguments, host, changes=True, state=lambda: list(ran))


# --- what only reads ------------------------------------------------------------------------------------------------


@scenario
def collect_evidence(tmp_path: Path, _: pytest.MonkeyPatch) -> Scenario:
    arguments = {
        "profile": "volatile",
        "profiles": str(ROOT / "roles/evidence/profiles"),
        "folder": str(tmp_path / "evidence"),
    }
    return Scenario(arguments, real=False)


@scenario
def compare_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    clean = type("Done", (), {"findings": (), "root_lost": None, "summary": lambda _self: {"clean": True}})()
    module = type(plugin_runs.load("compare_baseline", {})).run.__globals__
    monkeypatch.setitem(module, "scan", lambda _subject, **_: clean)
    return Scenario({}, variables={"website_root": "/var/www/portal", "ungcuu_state": str(tmp_path)})


@scenario
def write_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    monkeypatch.setattr(scan, "take_baseline", lambda *_: pytest.fail("a baseline was taken"))
    return Scenario({}, real=False, variables={"website_root": "/var/www/portal", "ungcuu_state": str(tmp_path)})


@scenario
def renew_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    monkeypatch.setattr(renewal, "renew", lambda *_: pytest.fail("a baseline was renewed"))
    variables = {"website_root": "/var/www/portal", "ungcuu_state": str(tmp_path)}
    return Scenario({"files": {"/var/www/portal/x.php": "ab" * 32}}, real=False, variables=variables)


@scenario
def ungcuu_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """It only compares: outside check mode it packs what differs, on the controller."""
    scratch = tmp_path.with_name(f"{tmp_path.name}-scratch")
    scratch.mkdir()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(scratch))
    with zipfile.ZipFile(tmp_path / "release.zip", "w") as archive:
        for name in ("wp-includes/version.php", "wp-load.php", "wp-settings.php"):
            archive.writestr(f"wordpress/{name}", "<?php\n$wp_version = '6.2';\n")
    found = {"changed": ["wp-load.php"], "added": [], "same": [], "removed": [], "version": "6.1", "package": ""}
    arguments = {"archive": str(tmp_path / "release.zip"), "application": "wordpress", "root": "/var/www/portal"}
    return Scenario(arguments, answering(lambda _order: found))


@scenario
def reassess_host(tmp_path: Path, _: pytest.MonkeyPatch) -> Scenario:
    return Scenario({"entry_closed": "x"}, real=False, variables={"ungcuu_state": str(tmp_path)})


@scenario
def ungcuu_allow_list(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    return Scenario({"entries": ["198.51.100.1"]}, lambda _command, _sent: {"stdout": "198.51.100.1 1 2 22"})


@scenario
def ungcuu_controls(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    return Scenario({"roles": str(ROOT / "roles")}, answering(lambda _order: {"has": ["nginx"], "debian": "13"}))


@scenario
def ungcuu_probe(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    return Scenario({"prove": "lasting inside"}, real=False)


@scenario
def ungcuu_readback(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    return Scenario({"mode": "full", "ssh_port": 22}, real=False)


@scenario
def ungcuu_page(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    page = {"passed": True, "status": 200, "found": True, "bytes": 9, "milliseconds": 3, "error": "", "tries": 1}
    arguments = {"side": "host", "address": "127.0.0.1", "name": "portal.lab.test"}
    return Scenario(arguments, answering(lambda _order: page))


@scenario
def ungcuu_wait(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    return Scenario({"argv": ["true"]}, lambda *_: {"rc": 0, "stdout": "{}", "stderr": ""})


@scenario
def ungcuu_ask(_: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """The program of the patching role answers here, as on a host that does not have it installed."""
    folder = ROOT / "roles/patching/files"
    monkeypatch.setattr(ActionBase, "_find_needle", lambda _self, _kind, name: folder / name)
    return Scenario({"package": "ungcuu_patch", "order": {"do": "status"}}, plugin_runs.this_machine)


@scenario
def ungcuu_report(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    return Scenario({"kind": "change", "data": {"what": "service", "item": "x"}})


@scenario
def ungcuu_website_probe(_: Path, __: pytest.MonkeyPatch) -> Scenario:
    """With ``deep`` an account is made for some seconds: never in check mode."""
    deep: list[bool] = []

    def host(order: dict[str, Any]) -> dict[str, Any]:
        deep.extend([True] if order["deep"] else [])
        return {"results": {"home page": {"passed": True, "detail": "200"}}}

    return Scenario({"site": {"name": "portal.lab.test", "root": "/x"}}, answering(host), state=lambda: list(deep))
