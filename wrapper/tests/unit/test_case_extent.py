"""How far the intruder came, from the evidence of a case to the screen, the report and the indicators."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from casebook import START, Book, clock_of, found, settings_in
from evidence_items import ROOT, items

from ungcuu.case import indicators
from ungcuu.case.case import Case, find, open_case
from ungcuu.case.evidence.extent import Scope
from ungcuu.case.extent import READ, as_data, intruders, scope_of_case
from ungcuu.core.settings import Settings
from ungcuu.detect import baseline
from ungcuu.report.document import render
from ungcuu.report.model import build

SHELL = f"{ROOT}/wp-content/uploads/2026/11/logo.php"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


def incident(settings: Settings, skew: float = 0.0) -> Case:
    """A scan that found a web shell, and triage of the host; the host's clock is ahead by ``skew`` seconds."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x", first_sign=START - timedelta(minutes=1))
        book = Book(case, clock)
        found(book, "NOT DONE")
        with book.run("collect"):
            for name, content in items(START + timedelta(seconds=skew)).items():
                book.evidence(name, content)
            book.report("custody", {"from": "web01", "clock_skew_seconds": skew})
    return find(settings, case.id)


@pytest.mark.parametrize("skew", [0.0, 3600.0, -7200.0])
def test_the_evidence_shows_who_came_and_what_was_done(settings: Settings, skew: float) -> None:
    """A host whose clock is wrong must give the same answer, in the controller's time."""
    (host,) = scope_of_case(incident(settings, skew)).hosts
    by_address = {row.address: row for row in host.scope.addresses}
    assert set(by_address) == {"203.0.113.77", "192.0.2.8"}
    assert (by_address["203.0.113.77"].requests, by_address["203.0.113.77"].first) == (2, START)
    accounts = {row.account: row.acts for row in host.scope.accounts}
    assert accounts == {"root": ("login", "login from a suspicious address"), "backd00r": ("changed by useradd",)}
    assert host.root == ROOT
    assert {SHELL, "/etc/cron.d/php-session-clean"} <= set(host.scope.changed)
    assert f"{ROOT}/old.php" not in host.scope.changed
    assert {(row.path, row.changed) for row in host.scope.named} >= {(SHELL, START)}
    assert host.scope.left_bytes == 7340032 + 77 + 100
    assert [row.path for row in host.scope.responses] == ["/site.sql"]


def test_indicators_name_the_intruder_and_no_visitor(settings: Settings) -> None:
    """Everybody asks for a page that was changed; whoever asks for a file that the intruder put there knew of it."""
    case = incident(settings)
    with clock_of() as clock:
        Book(case, clock).report(
            "finding",
            {
                "id": "1",
                "severity": "high",
                "path": f"{ROOT}/wp-content/themes/portal/footer.php",
                "action": {"do": "restore"},
            },
        )
        case.judge(_footer(case), "false alarm", "x")
    case = find(settings, case.id)
    seen = intruders(scope_of_case(case), case.facts)
    assert [one.address for one in seen] == ["203.0.113.77"]
    made = [one for one in indicators.bundle(case.facts, seen)["objects"] if "ipv4" in str(one.get("pattern"))]
    assert [(one["pattern"], one["confidence"]) for one in made] == [("[ipv4-addr:value = '203.0.113.77']", 50)]
    assert made[0]["created_by_ref"] and made[0]["object_marking_refs"]


def _footer(case: Case) -> str:
    return next(one.id for one in find(case.settings, case.id).facts.findings if one.title.startswith("hidden links"))


def test_a_false_alarm_names_nobody(settings: Settings) -> None:
    """Who read a page that was wrongly called a finding is not part of the incident."""
    case = incident(settings)
    with clock_of():
        case.judge(_footer(case), "false alarm", "x")
    (host,) = scope_of_case(find(settings, case.id)).hosts
    assert [row.address for row in host.scope.addresses] == ["203.0.113.77"]


def test_our_own_address_is_no_indicator(settings: Settings) -> None:
    """Whoever investigates asks for the shell too."""
    case = incident(settings)
    with clock_of() as clock:
        Book(case, clock).report("change", {"what": "isolation", "seen_from": "203.0.113.77"})
    case = find(settings, case.id)
    seen = intruders(scope_of_case(case), case.facts)
    assert "203.0.113.77" not in {one.address for one in seen}


def test_addresses_that_findings_name_are_reported(settings: Settings) -> None:
    """A process that talks to an address is the surest trace of all, and no log has it."""
    case = incident(settings)
    with clock_of() as clock:
        data = {
            "id": "p",
            "severity": "critical",
            "title": "a program that talks",
            "evidence": {"remote": "198.18.0.9"},
        }
        Book(case, clock).report("finding", data)
    (host,) = scope_of_case(find(settings, case.id)).hosts
    assert {row.address: row.why for row in host.scope.addresses}["198.18.0.9"] == "a program that talks"


def test_the_report_shows_it(settings: Settings) -> None:
    case = incident(settings)
    text = render(build(case.records(), None, reach=scope_of_case(case)))
    for words in (
        "How far it went",
        "203.0.113.77",
        "backd00r",
        "7.0 MiB sent to 203.0.113.77",
        SHELL,
        "First request of 203.0.113.77",
        "File changed",
        "login from a suspicious address",
    ):
        assert words in text, words
    assert "192.0.2.9" not in text


def test_a_case_without_evidence_says_so(settings: Settings) -> None:
    """Nothing known must not read as nothing happened."""
    with clock_of():
        case = open_case(settings, ["web01"], "x")
    assert "No evidence of this case shows how far" in render(build(case.records(), None, reach=scope_of_case(case)))
    assert as_data(scope_of_case(case))["scope"][0]["lacking"] == list(READ)


def test_evidence_that_became_a_link_is_not_followed(settings: Settings) -> None:
    case = incident(settings)
    for path in case.evidence.iterdir():
        path.rename(path.with_suffix(".away"))
        path.symlink_to(path.with_suffix(".away"))
    assert not scope_of_case(case).hosts[0].is_known


UNIT = "/etc/systemd/system/ungcuu-isolation.service"
PAGE = f"{ROOT}/index.php"
KEPT = "/var/lib/ungcuu/before/etc/ssh/sshd_config"
WROTE, THEIRS = b"[Unit]\n", b"[Service]\nExecStart=/tmp/x\n"
Row = tuple[str, str, int, str, str]  # type, mode, uid, path, target


def listed(*rows: Row) -> bytes:
    """A list of files, all changed after the first sign."""
    stamp = START.timestamp()
    return b"".join(
        f"{kind}\t{mode}\t{uid}\t{uid}\t9\t7\t1\t{stamp}\t{stamp}\t{stamp}\t{stamp}\t{path}\0{target}\0".encode()
        for kind, mode, uid, path, target in rows
    )


def hashed(files: dict[str, bytes]) -> bytes:
    """What `sha256sum --zero` says of them."""
    return b"".join(f"{hashlib.sha256(text).hexdigest()}  {path}\0".encode() for path, text in files.items())


def scope_after(
    settings: Settings, changed: bytes, held: dict[str, bytes], *, taken: str = "2020-01-01T00:00:00Z"
) -> Scope:
    """The scope of a host on which ungcuu wrote ``UNIT``, and of whose baseline ``PAGE`` and sshd's file are part."""
    case = incident(settings)
    good = {"path": "", "area": "web", "type": "file", "size": 9, "mode": 0o644, "uid": 33, "gid": 33}
    page, ssh = (hashlib.sha256(text).hexdigest() for text in (b"page", b"ssh"))
    rows = [
        good | {"path": PAGE, "sha256": page},
        good | {"path": "/etc/ssh/sshd_config", "uid": 0, "gid": 0, "sha256": ssh},
    ]
    path = baseline.host_folder(settings.state, "web01") / "baseline.json"
    document = {"format": baseline.FORMAT, "host": "web01", "taken": taken, "rows": {"file": rows}}
    baseline.sign(path, document, settings.keys)
    with clock_of() as clock:
        book = Book(case, clock)
        book.evidence("changed_files", changed)
        web = {path: text for path, text in held.items() if path.startswith(ROOT)}
        book.evidence("web_hashes", hashed(web))
        book.evidence("our_files", hashed({path: text for path, text in held.items() if path not in web}))
        book.evidence("web_manifest", listed(("d", "755", 33, ROOT, ""), *[("f", "644", 33, path, "") for path in web]))
        book.report("sent_files", {"files": {UNIT: hashlib.sha256(WROTE).hexdigest()}})
    return scope_of_case(find(settings, case.id)).hosts[0].scope


def test_what_ungcuu_wrote_is_known_apart(settings: Settings) -> None:
    """Fifty files of ungcuu among five of the intruder's: a reader would miss the five."""
    link = "/etc/systemd/system/sysinit.target.wants/ungcuu-isolation.service"
    changed = listed(
        ("f", "644", 0, UNIT, ""),
        ("f", "600", 0, KEPT, ""),
        ("l", "777", 0, link, UNIT),
        ("d", "700", 0, "/var/lib/ungcuu/before", ""),
        ("f", "644", 0, "/etc/cron.d/x", ""),
    )
    found = scope_after(settings, changed, {UNIT: WROTE, KEPT: b"ssh", PAGE: b"page"})
    assert set(found.ours) == {UNIT, KEPT, link, "/var/lib/ungcuu/before", PAGE}
    assert set(found.changed) == {"/etc/cron.d/x", ROOT}
    assert (found.ours_count, found.changed_count, found.altered) == (5, 2, ())


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (("f", "644", 0, UNIT, ""), THEIRS),  # other content under our name
        (("f", "4755", 0, UNIT, ""), WROTE),  # ours, but now it runs as root
        (("f", "666", 0, UNIT, ""), WROTE),  # ours, but anybody may write it
        (("f", "644", 1001, UNIT, ""), WROTE),  # ours, but it belongs to somebody
        (("l", "777", 0, UNIT, "/tmp/x"), WROTE),  # a link in its place
    ],
)
def test_nobody_hides_behind_a_name_of_ours(settings: Settings, row: Row, text: bytes) -> None:
    """Seen failing with each of content, mode, owner and kind left out of the comparison."""
    found = scope_after(settings, listed(row), {UNIT: text})
    assert UNIT in found.changed
    assert found.altered == (UNIT,)
    assert found.ours == ()


@pytest.mark.parametrize("path", ["/etc/ungcuu/evil.sh", "/var/lib/ungcuu/before/etc/evil", "/usr/local/sbin/ungcuu-x"])
def test_a_new_file_among_ours_is_listed(settings: Settings, path: str) -> None:
    """A folder of ungcuu excuses nothing that lies in it."""
    found = scope_after(settings, listed(("f", "644", 0, path, "")), {path: THEIRS, UNIT: WROTE})
    assert path in found.changed


def test_a_baseline_of_after_the_first_sign_excuses_nothing(settings: Settings) -> None:
    """The intruder's page is part of it."""
    found = scope_after(settings, b"", {PAGE: b"page"}, taken="2099-01-01T00:00:00Z")
    assert PAGE in found.changed
    assert found.ours == ()


def test_the_report_keeps_ours_apart(settings: Settings) -> None:
    scope_after(settings, listed(("f", "644", 0, UNIT, ""), ("f", "4755", 0, KEPT, "")), {UNIT: WROTE, KEPT: b"ssh"})
    (case,) = (find(settings, name.name) for name in settings.cases.iterdir() if name.is_dir())
    text = render(build(case.records(), None, reach=scope_of_case(case)))
    assert "Files that ungcuu itself wrote: 1" in text
    assert f"others may use: {KEPT}" in text


def test_our_own_requests_are_explained_and_count_for_no_loss(settings: Settings) -> None:
    """The controller that checks the website was named among the suspects, without a word.

    Seen failing with no address known as our own.
    """
    case = incident(settings)
    before = scope_of_case(case).hosts[0].scope
    with clock_of() as clock:
        Book(case, clock).report("change", {"what": "isolation", "seen_from": "203.0.113.77"})
    case = find(settings, case.id)
    scope = scope_of_case(case).hosts[0].scope
    assert {row.address for row in scope.addresses if row.own} == {"203.0.113.77"}
    assert scope.left_bytes < before.left_bytes
    assert "login from a suspicious address" not in {act for row in scope.accounts for act in row.acts}
    assert "ungcuu asks from there too" in render(build(case.records(), None, reach=scope_of_case(case)))
