"""What is ordered into quarantine, and what is left: by a scan's findings, a person's choice and the baseline."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ungcuu.core.check_phrases import Left
from ungcuu.core.errors import Refused, Tampered, UsageFault
from ungcuu.core.phrases import phrase
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.findings import RULES, Do
from ungcuu.detect.records import IDENTITY, fits
from ungcuu.detect.scan import Subject
from ungcuu.hosts import profiles, remote_program
from ungcuu.recover import quarantine
from ungcuu.recover.own_files import OwnFiles
from ungcuu.recover.quarantine import Choice, Order, Planned, Taken

NOW = "20260101T000000Z"


def row(do: str = "move", path: str = "/etc/cron.d/x", **more: Any) -> dict[str, Any]:
    action = {"do": do, "path": path, "sha256": "a" * 64, "type": "file"} | more
    return {"id": "f" * 16, "rule": "persistence.cron", "severity": "high", "path": path, "fix": "m", "action": action}


def known(**rows: list[dict[str, Any]]) -> Snapshot:
    made = Snapshot(ended=True)
    for kind, items in rows.items():
        for item in items:
            made.rows[kind][tuple(item[name] for name in IDENTITY[kind])] = item
    return made


def plan(*rows: dict[str, Any], good: Snapshot | None = None, **choice: Any) -> Planned:
    return quarantine.plan({"findings": list(rows)}, Choice(**choice), good or known(), NOW)


def test_critical_and_high_findings_are_taken() -> None:
    """What is only odd waits for a person."""
    low = row(path="/etc/cron.d/y") | {"severity": "medium", "id": "e" * 16}
    done = plan(row(), low)
    assert [(order.do, order.path) for order in done.orders] == [(Do.MOVE, "/etc/cron.d/x")]
    assert plan(row(), low, findings=("e" * 16,)).orders[0].path == "/etc/cron.d/y"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/../etc/shadow",
        "/etc//passwd",
        "/etc/./x",
        "relative",
        "/",
        "",
        "/proc/1/root/x",
        "/boot/vmlinuz",
        "/etc/passwd",
        "/etc/ssh/sshd_config",
        "/var/lib/ungcuu/quarantine/x/content",
        "/var/lib/mysql/ibdata1",
        "/usr/sbin/sshd",
        "/usr/bin/python3.11",
        "/usr/bin/sudo",
        "/etc/x\\x00y",
        "/etc/\\x2e\\x2e/shadow",
        "/var/log/auth.log",
        "/etc/cron.d/",
    ],
)
def test_a_path_that_a_host_names_is_checked(path: str) -> None:
    """A lying host must not get its sshd, its logs or its database moved away."""
    assert plan(row(path=path)).orders == ()


def test_what_the_baseline_knows_is_never_taken() -> None:
    """A host that calls a good file, line, unit or account bad must not make us take it."""
    good = known(
        file=[{"path": "/etc/cron.d/x", "area": "system", "sha256": "b" * 64}],
        line=[{"set": "key", "path": "/root/.ssh/authorized_keys", "sha256": "l" * 64}],
        unit=[{"name": "cron.service"}],
        account=[{"name": "operator"}],
        group=[{"name": "sudo", "members": ["operator"]}],
    )
    orders = plan(
        row(),
        row("remove_lines", "/root/.ssh/authorized_keys", lines=["l" * 64]) | {"id": "1"},
        row("stop_unit", "/etc/systemd/system/cron.service", unit="cron.service") | {"id": "2"},
        {"id": "3", "rule": "x", "severity": "critical", "action": {"do": "lock_account", "account": "operator"}},
        {
            "id": "4",
            "rule": "x",
            "severity": "critical",
            "action": {"do": "remove_member", "group": "sudo", "account": "operator"},
        },
        good=good,
    )
    assert orders.orders == () and len(orders.left) == 5


def test_a_file_without_which_the_website_is_down_is_left_to_restore() -> None:
    """The genuine configuration of a panel was moved away and the website answered 500.

    Seen failing with `why_kept` left out of `_order`.
    """
    own = OwnFiles.of("/var/www/portal", ("data", "uploads"), profiles.load("nukeviet"))
    root = "/var/www/portal"
    code = {"path": f"{root}/data/config/ip.php", "type": "file", "sha256": "b" * 64, "area": "upload", "mode": 0o644}
    good = known(file=[code])
    names = ("config.php", "data/config/config_global.php", "data/config/ip.php", "data/config/x.php", "uploads/x.php")
    rows = [row(path=f"{root}/{name}") | {"id": f"{number:016x}"} for number, name in enumerate(names)]
    planned = quarantine.plan({"findings": rows}, Choice(), good, NOW, own)
    assert [order.path for order in planned.orders] == [f"{root}/data/config/x.php", f"{root}/uploads/x.php"]
    assert [left["why"] for left in planned.left] == [
        phrase(Left.CONFIGURATION),
        phrase(Left.CONFIGURATION),
        phrase(Left.KEPT_CODE),
    ]
    named = quarantine.plan({"findings": rows}, Choice(findings=(f"{1:016x}",)), good, NOW, own)
    assert [order.path for order in named.orders] == [f"{root}/data/config/config_global.php"], "a person said so"


def test_what_a_site_states_is_kept_also_behind_its_links() -> None:
    """Seen failing: the settings of an application without a profile were moved away, and the website was down."""
    facts = {"needed": ["config/connect.php"], "writable": {"code": ["config", "tmp"]}}
    own = OwnFiles.of("/srv/web", ("config", "tmp", "img"), profiles.of_site("php", facts))
    links = [
        {"path": f"/srv/web/{name}", "type": "link", "uid": 0, "target": f"../data/{name}"}
        for name in ("config", "tmp")
    ]
    code = [
        {"path": f"/srv/data/{name}", "type": "file", "sha256": "b" * 64, "area": "upload", "mode": 0o644}
        for name in ("config/connect.php", "tmp/cache.php")
    ]
    paths = ("/srv/data/config/connect.php", "/srv/data/tmp/cache.php", "/srv/data/tmp/shell.php")
    rows = [row(path=path) | {"id": f"{number:016x}"} for number, path in enumerate(paths)]
    planned = quarantine.plan({"findings": rows}, Choice(), known(file=[*links, *code]), NOW, own)
    assert [order.path for order in planned.orders] == ["/srv/data/tmp/shell.php"]
    assert [left["why"] for left in planned.left] == [phrase(Left.CONFIGURATION), phrase(Left.KEPT_CODE)]


def test_a_plan_says_in_words_why_something_is_left() -> None:
    """Seen failing: a column of `{}` and of codes."""
    from ungcuu.cli.commands import eradicate

    found = {
        "id": "1",
        "rule": "web.changed",
        "severity": "critical",
        "path": "/x",
        "advice": "restore-file",
        "why": {},
    }
    assert eradicate._left(found)["why"] == "ungcuu restore --path brings this file back from a clean point"
    assert eradicate._left({**found, "why": phrase(Left.UNJUDGED)})["why"] == quarantine.why_left(
        {"why": phrase(Left.UNJUDGED)}
    )


def test_a_place_that_only_a_pattern_allows_is_no_shelter() -> None:
    """An intruder who reads the profile puts a web shell where some sites have their configuration."""
    own = OwnFiles.of("/var/www/portal", (), profiles.load("wordpress"))
    for path in ("/etc/wordpress/config-x.php", "/var/www/wp-config.php"):
        assert own.why_kept(path, known()) == {}, path
        assert own.why_kept(path, None) == phrase(Left.CONFIGURATION)
    assert own.why_kept("/var/www/portal/wp-config.php", known()) == phrase(Left.CONFIGURATION)


def test_without_a_baseline_code_of_the_website_waits_for_a_person() -> None:
    """A core file with a line of an intruder's in it is still what the website starts with."""
    own = OwnFiles.of("/var/www/portal/", ("uploads",), None)
    rows = [
        row(path=f"/var/www/portal/{name}") | {"id": name.ljust(16, "0")} for name in ("index.php", "uploads/x.php")
    ]
    planned = quarantine.plan({"findings": rows}, Choice(), None, NOW, own)
    assert [order.path for order in planned.orders] == ["/var/www/portal/uploads/x.php"]
    assert planned.left[0]["why"] == phrase(Left.UNJUDGED)


def test_the_account_of_the_controller_is_kept() -> None:
    """Locking the account through which we come would end the response."""
    finding = {"id": "3", "rule": "x", "severity": "critical", "action": {"do": "lock_account", "account": "ungcuu"}}
    assert plan(finding, accounts_kept=("ungcuu",)).orders == ()


def test_without_a_baseline_only_new_files_are_taken() -> None:
    """Nothing distinguishes a good line or account from a bad one then."""
    done = quarantine.plan(
        {"findings": [row(), row("remove_lines", "/etc/crontab", lines=["x"]) | {"id": "1"}]}, Choice(), None, NOW
    )
    assert [order.do for order in done.orders] == [Do.MOVE]


def test_processes_are_ended_only_when_asked() -> None:
    """What a process holds in memory is evidence."""
    finding = {"id": "3", "rule": "x", "severity": "critical", "action": {"do": "kill", "pid": 7, "start": "1"}}
    assert plan(finding).orders == ()
    assert plan(finding, kill=True).orders[0].do is Do.KILL


def test_unknown_ids_and_paths_are_refused() -> None:
    """A typing error must not end in "nothing to do"."""
    with pytest.raises(UsageFault):
        plan(row(), findings=("0" * 16,))
    for path in ("/etc/passwd", "/etc/../x", "/etc/known"):
        with pytest.raises(UsageFault):
            plan(row(), paths=(path,), good=known(file=[{"path": "/etc/known", "area": "system"}]))


def test_no_scan_no_eradication(tmp_path: Path) -> None:
    """The next command is named."""
    with pytest.raises(Refused) as refused:
        quarantine.last_scan(tmp_path, "web01")
    assert refused.value.fix == "ungcuu scan web01"


def test_answers_are_checked() -> None:
    """An outcome that we do not know is unknown, and what comes back is typed and bounded."""
    order = Order("i", "f", "r", Do.MOVE, "/x", {})
    assert quarantine._taken(order, None).outcome == "unknown"
    assert quarantine._taken(order, {"outcome": "\x1b[0m"}).outcome == "unknown"
    taken = quarantine._taken(
        order, {"outcome": "done", "known": {"mode": "0777", "uid": 0, "shell": "a\nb", "odd": 1}}
    )
    assert taken.known == {"uid": 0}
    assert not fits(True, int, 1)


def test_nothing_is_taken_where_it_could_not_be_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list was read after the host had been changed: files were gone, and nothing knew the way back."""
    subject = cast("Subject", SimpleNamespace(state=tmp_path, name="web01", target=SimpleNamespace(user="op")))
    order = Order("i", "f", "r", Do.MOVE, "/x", {})
    quarantine.remember(subject, [Taken(order, "done")])
    (tmp_path / "hosts/web01/quarantine.sig").write_text("00" * 64)
    monkeypatch.setattr(remote_program, "run_program", lambda *_, **_more: pytest.fail("the host was touched"))
    with pytest.raises(Tampered):
        quarantine.carry_out(subject, [order])


def test_the_advice_of_a_scan_of_an_earlier_release_is_shown() -> None:
    """Its key was `mend`; a scan's result outlives the release that wrote it."""
    old = row(do="person") | {"mend": "reinstall"}
    del old["fix"]
    (left,) = plan(old).left
    assert quarantine.why_left(left) == RULES[old["rule"]].fix
