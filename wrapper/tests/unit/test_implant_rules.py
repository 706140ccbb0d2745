"""Judgements on what runs, what is read and what helps, without a host."""

from __future__ import annotations

import importlib.util
import marshal
import time
from pathlib import Path
from typing import Any

import pytest

from ungcuu.detect import advice, detectors
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.comparison import Comparison, Policy
from ungcuu.detect.findings import Finding
from ungcuu.detect.records import IDENTITY

POLICY = Policy("web01", "/var/www/portal")
BASH = {
    "path": "/usr/bin/bash",
    "area": "program",
    "type": "file",
    "mode": 0o755,
    "uid": 0,
    "gid": 0,
    "sha256": "a" * 64,
    "package": "bash",
    "package_ok": True,
}


def snapshot(processes: list[dict[str, Any]] | None = None, **rows: list[dict[str, Any]]) -> Snapshot:
    made = Snapshot(ended=True)
    made.processes.extend(processes or [])
    for kind, known in rows.items():
        for row in known:
            made.rows[kind][tuple(row[name] for name in IDENTITY[kind])] = row
    return made


def found(before: Snapshot, now: Snapshot) -> list[Finding]:
    return detectors.detect(Comparison(POLICY, before, now))


def process(**more: Any) -> dict[str, Any]:
    row = {"pid": 7, "ppid": 1, "start": "1", "exe": "/usr/bin/bash", "comm": "bash", "uid": 0, "deleted": False}
    return row | {"unit": "system.slice/cron.service", "session": "", "script": "-c", "loaded": [], "forced": ""} | more


@pytest.mark.parametrize(
    ("more", "rules"),
    [
        ({"unit": ""}, ["process.unexplained"]),
        ({"unit": "user.slice/user-0.slice/session-1.scope", "session": "open"}, []),
        ({"unit": "user.slice/user-0.slice/session-1.scope", "session": "closed"}, ["process.unexplained"]),
        ({}, ["process.unexplained"]),
        ({"ppid": 5}, []),
        ({"script": "/usr/bin/bash"}, []),
        ({"script": "/srv/x.sh"}, ["process.unexplained"]),
        ({"ppid": 5, "loaded": ["/srv/x.so"]}, ["process.unexplained"]),
        ({"ppid": 5, "forced": "LD_PRELOAD=/tmp/x.so"}, ["process.unexplained"]),
        ({"ppid": 5, "exe": "/srv/bash"}, ["process.unexplained"]),
        ({"unit": "system.slice/run-1.scope"}, ["process.unexplained"]),
    ],
)
def test_what_explains_a_process(more: dict[str, Any], rules: list[str]) -> None:
    """A loop in a service's own unit was left behind; the same shell below the service's main process is its work."""
    main = process(pid=5, script="", main=True)
    unit = {"name": "cron.service", "main": ["5"], "path": "/usr/bin/bash", "state": "", "active": ""}
    now = snapshot([main, process(**more)], file=[BASH], unit=[unit])
    assert [item.rule for item in found(snapshot(file=[BASH], unit=[unit]), now)] == rules


def test_an_old_baseline_is_compared_with_what_it_knows() -> None:
    """After an update of ungcuu a scan must not report every file of /usr/share as new."""
    before = snapshot(file=[BASH])
    before.reader = 1
    data = BASH | {"path": "/usr/share/x", "area": "data", "package": "", "package_ok": False}
    assert [item.rule for item in found(before, snapshot([process(unit="")], file=[BASH, data]))] == ["baseline.old"]


@pytest.mark.parametrize(("text", "verdict"), [("a = 1", "same"), ("a = 2", "differs")])
def test_compiled_code_is_what_its_source_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, verdict: str
) -> None:
    """A poisoned cache runs in every program that imports it, and its source looks innocent."""
    import sys
    import types

    config = types.ModuleType("ungcuu.remote.config")
    vars(config)["CONFIG"] = {}
    monkeypatch.setitem(sys.modules, "ungcuu.remote.config", config)
    from ungcuu.remote.host_state import reading
    from ungcuu.remote.host_state.bytecode import judge_bytecode

    # The clock of a reading began when its program was loaded: in a long test run that is minutes ago.
    monkeypatch.setattr(reading, "STARTED", time.monotonic())
    source = tmp_path / "m.py"
    source.write_text("a = 1")
    cache = Path(importlib.util.cache_from_source(str(source)))
    cache.parent.mkdir()
    info = source.stat()
    stamp = int(info.st_mtime).to_bytes(4, "little") + info.st_size.to_bytes(4, "little")
    code = marshal.dumps(compile(text, str(source), "exec", dont_inherit=True))
    cache.write_bytes(importlib.util.MAGIC_NUMBER + bytes(4) + stamp + code)
    assert judge_bytecode(bytes(cache)) == verdict
    cache.write_bytes(importlib.util.MAGIC_NUMBER + bytes(12) + code)
    assert judge_bytecode(bytes(cache)) == "stale"


@pytest.mark.parametrize("name", ["x`id`", "a$(id)", "a b", "-x", "x';id;'", 'x"', "../x", "x\\"])
def test_a_name_of_the_host_ends_in_no_shell(name: str) -> None:
    """What a finding advises is pasted into a shell of root's: the intruder chooses the names in it."""
    action = {"do": "person"}
    for rule, kind, path, evidence in (
        ("database.code", "database", "", {"set": "trigger", "name": f"portal.{name}"}),
        ("database.user", "database", "", {"set": "user", "name": f"{name}@localhost"}),
        ("database.user", "database", "", {"set": "grant", "name": f"'{name}'@'localhost' on portal"}),
        ("config.changed", "file", f"/etc/{name}", {}),
        ("access.login", "file", f"/etc/pam.d/common-{name}", {}),
        ("network.filter", "filter", f"table ip {name}", {}),
        ("unit.loaded", "unit", name, {}),
    ):
        seen = advice.Seen(rule, kind, path, True, "", name, evidence, action)
        chosen, values = advice.choose(seen)
        made = advice.commands(chosen, {"host": "web01", "id": "0" * 16, **values})
        assert not any(name in command for command in made) or name in ("-x", "../x"), (rule, made)
        assert all("/../" not in command for command in made)


@pytest.mark.parametrize(
    ("path", "package", "version", "rules"),
    [
        ("/usr/share/perl5/NeedRestart.pm", "needrestart", "3.6", ["program.removed"]),
        ("/usr/share/doc/needrestart/README", "needrestart", "3.6", []),
        ("/usr/share/perl5/NeedRestart.pm", "needrestart", "", []),
        ("/usr/share/perl5/Own.pm", "", "3.6", ["program.data"]),
        ("/usr/share/perl5/Own.pm", "", "", []),
    ],
)
def test_a_file_that_programs_read_and_that_is_gone(path: str, package: str, version: str, rules: list[str]) -> None:
    """A deleted module of the distribution is damage; one that left with its package, or that nothing loads, isn't."""
    lost = BASH | {"path": path, "package": package, "area": "data"}
    known = {"name": "needrestart", "architecture": "all", "version": "3.6", "status": "ii"}
    now = snapshot(file=[BASH], package=[known] if version else [])
    got = [item.rule for item in found(snapshot(file=[BASH, lost], package=[known]), now)]
    assert [rule for rule in got if rule != "package.changed"] == rules


@pytest.mark.parametrize(
    ("target", "installed", "rules"),
    [
        ("../../../javascript/sphinxdoc/1.0/a.js", True, []),
        ("../../../javascript/sphinxdoc/1.0/a.js", False, ["program.data"]),
        ("/tmp/a.js", True, ["program.data"]),
        ("/usr/share/own.js", True, ["program.data", "program.data"]),
    ],
)
def test_a_link_that_came_with_a_package_and_leads_to_nothing(target: str, installed: bool, rules: list[str]) -> None:
    """Packages link into others that are only recommended: restic's documentation held 25 such links, an alarm each."""
    row = {"type": "link", "target": target, "sha256": "", "area": "data", "package": "", "package_ok": False}
    link = BASH | row | {"path": "/usr/share/doc/restic/html/a.js", "mode": 0o777}
    known = {"name": "restic", "architecture": "amd64", "version": "0.14", "status": "ii"}
    own = BASH | {"path": "/usr/share/own.js", "area": "data", "package": "", "package_ok": False, "mode": 0o644}
    files = [BASH, link] + ([own] if target == own["path"] else [])
    got = [
        item.rule for item in found(snapshot(file=[BASH]), snapshot(file=files, package=[known] if installed else []))
    ]
    assert [rule for rule in got if rule != "package.changed"] == rules
