"""Where root was lost no later scan says that the host may be released: one record, one predicate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ungcuu.case.derivation import derive
from ungcuu.case.record import Record, genesis
from ungcuu.contain import isolation_state
from ungcuu.core.errors import Tampered
from ungcuu.detect import baseline, root_loss
from ungcuu.detect.findings import RULES, Finding, Severity, finding
from ungcuu.hosts import ssh
from ungcuu.report.document import render
from ungcuu.report.model import build
from ungcuu.report.overview import root_lost as form_lines

HOST = "web01"
NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
KEY_A = "web01 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBbWCN1Zk0QxV5v1m1oJz0qY7qk0l0yQe1u0w0xw0000\n"
KEY_B = KEY_A.replace("AAAAIBbW", "AAAAIBbX")
REASON = "The commission decided on 28 November"


@pytest.fixture
def target(tmp_path: Path) -> ssh.Target:
    known = tmp_path / "known_hosts"
    known.write_text(KEY_A)
    return ssh.Target(HOST, "192.0.2.1", known_hosts=known)


def seen(
    rule: str = "privilege.file",
    path: str = "/usr/bin/find",
    severity: Severity = Severity.CRITICAL,
    **evidence: object,
) -> Finding:
    return finding(HOST, rule, severity, "file", path, evidence=evidence)


def record_outcome(state: Path, outcome: str) -> None:
    folder = baseline.host_folder(state, HOST)
    document = {
        "format": baseline.FORMAT,
        "host": HOST,
        "time": "2026-11-28T09:00:00Z",
        "outcome": outcome,
        "entry": {"closed": True},
    }
    baseline.sign(folder / isolation_state.REASSESSMENT, document, state / "keys")


def against(state: Path, override: str = "") -> list[str]:
    return isolation_state.against_release(state / "hosts" / HOST, HOST, NOW, override)


def test_a_scan_in_check_mode_writes_nothing(tmp_path: Path, target: ssh.Target) -> None:
    """A trial run must neither start a loss nor end one. Seen failing with the record written all the same."""
    assert root_loss.remember(tmp_path, target, [seen()], incident=False, check=True)
    assert root_loss.standing(tmp_path, HOST) is None
    root_loss.remember(tmp_path, target, [seen()], incident=False)
    assert root_loss.remember(tmp_path, target, [], incident=False, check=True) is None
    assert root_loss.standing(tmp_path, HOST)


def test_every_rule_is_one_that_a_scan_can_make() -> None:
    """A misspelt name would let a lost root pass."""
    assert set(root_loss.RULES) <= set(RULES)


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        (seen(), True),
        (seen("upload.code", "/var/www/x/uploads/a.php"), False),
        (seen("privilege.file", "/var/www/x/uploads/a", uid=33), False),
        (seen("persistence.cron", "/etc/cron.d/x", Severity.HIGH), True),
        (seen("persistence.cron", "/etc/cron.d/x", Severity.MEDIUM), False),
        (seen("persistence.cron-line", "/var/spool/cron/crontabs/portal", Severity.HIGH), False),
        (seen("persistence.cron-line", "/var/spool/cron/crontabs/root", Severity.HIGH), True),
        (seen("access.key", "/home/portal/.ssh/authorized_keys", Severity.HIGH), False),
        (seen("access.key", "/root/.ssh/authorized_keys"), True),
        (seen("persistence.unit", "/home/lan/.config/systemd/user/x.service", Severity.HIGH), False),
        (seen("reader.disagrees", "/etc/cron.d/x"), True),
    ],
)
def test_what_only_root_can_do(found: Finding, lost: bool) -> None:
    """A web shell is no lost root, and an alarm that says so would be overridden by habit."""
    assert root_loss.shows(found) is lost


def test_before_an_incident_it_goes_with_its_finding(tmp_path: Path, target: ssh.Target) -> None:
    """A colleague's sudo rule, gone again, must not stand in the way of a release years later."""
    assert root_loss.remember(tmp_path, target, [seen()], incident=False)
    assert root_loss.remember(tmp_path, target, [], incident=False) is None
    root_loss.remember(tmp_path, target, [seen()], incident=False)
    root_loss.accepted(tmp_path, HOST)
    assert root_loss.standing(tmp_path, HOST) is None


def test_in_an_incident_nothing_but_a_new_machine_or_a_word_ends_it(tmp_path: Path, target: ssh.Target) -> None:
    """Seen failing with ``kept`` left out: the scan after eradicate was clean, and the host was released."""
    root_loss.remember(tmp_path, target, [seen()], incident=False)
    root_loss.keep(tmp_path, HOST)
    assert root_loss.remember(tmp_path, target, [], incident=False)
    root_loss.accepted(tmp_path, HOST)
    record_outcome(tmp_path, "root lost")
    assert against(tmp_path) == ["root was lost: privilege.file /usr/bin/find"]
    assert root_loss.rebuilt(tmp_path, target) is not None, "the same host key is the same machine"
    target.known_hosts.write_text(KEY_B)
    assert root_loss.rebuilt(tmp_path, target) is None
    assert against(tmp_path) == ["the re-assessment is of the machine whose root was lost"]
    record_outcome(tmp_path, "clean")
    assert against(tmp_path) == []


def test_a_word_needs_a_reason_and_answers_this_loss_alone(tmp_path: Path, target: ssh.Target) -> None:
    """An override is for one loss: what is found later stands again. It excuses no finding that is left."""
    root_loss.remember(tmp_path, target, [seen()], incident=True)
    record_outcome(tmp_path, "root lost")
    assert against(tmp_path, "ok") and against(tmp_path)
    assert against(tmp_path, REASON) == []
    with pytest.raises(ValueError):
        root_loss.override(tmp_path, HOST, " ", "lan")
    root_loss.override(tmp_path, HOST, REASON, "lan")
    assert against(tmp_path) == [], "a release that is run again goes on"
    root_loss.remember(tmp_path, target, [seen(path="/usr/bin/vim")], incident=True)
    assert against(tmp_path) == ["root was lost: privilege.file /usr/bin/vim"]
    record_outcome(tmp_path, "not clean")
    assert against(tmp_path, REASON) == ["the re-assessment did not find it clean"]


def test_a_changed_record_is_refused(tmp_path: Path, target: ssh.Target) -> None:
    """Who edits the record would release the host."""
    root_loss.remember(tmp_path, target, [seen()], incident=True)
    path = tmp_path / "hosts" / HOST / root_loss.RECORD
    path.write_bytes(path.read_bytes().replace(b'"kept":true', b'"kept":null'))
    with pytest.raises(Tampered):
        root_loss.standing(tmp_path, HOST)
    record_outcome(tmp_path, "clean")
    assert against(tmp_path) == ["the record of whether root was lost does not match its signature"]


def records(*rows: tuple[str, dict[str, object]]) -> list[Record]:
    opened = ("case_opened", {"case": "UC-20261128-001", "title": "t", "hosts": [HOST]})
    return [
        Record(n, f"2026-11-28T08:00:{n:02d}.000Z", "op", kind, data, genesis("x"), "")
        for n, (kind, data) in enumerate((opened, *rows), 1)
    ]


LOST = ("root_lost", {"host": HOST, "data": {"since": "2026-11-28T08:00:00Z", "findings": ["access.sudo /etc/x"]}})
WORD = ("root_lost_override", {"host": HOST, "reason": REASON, "by": "lan", "findings": ["access.sudo /etc/x"]})


def test_every_document_shows_it() -> None:
    """A reader of the report must see that the host came back without a rebuild, and who decided that."""
    facts = derive(records(LOST, WORD))
    told = build(records(LOST, WORD), None, now=NOW)
    assert [row["tone"] for row in told["root_lost"]] == ["bad"]
    html = render(told)
    assert "WITHOUT a rebuild" in html and REASON in html and 'class="root-lost bad"' in html
    assert "WITHOUT a rebuild" in form_lines(facts)[0]["text"], "the letters show these lines, above all else"


def test_a_host_can_not_say_that_it_was_rebuilt_or_excused() -> None:
    """What a task's result hands over is the host's word.

    Seen failing with both kinds taken out of ``case.facts._OURS``.
    """
    forged = [(kind, {"host": HOST, "data": {"reason": REASON}}) for kind in ("root_lost_override", "root_regained")]
    facts = derive(records(LOST, *forged))
    assert [(one.override, one.regained) for one in facts.root_lost] == [("", "")]
