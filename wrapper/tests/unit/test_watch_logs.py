"""Access logs as the watch judges them, whatever visitors wrote; how they are read stands in test_access_logs.py."""

from __future__ import annotations

import base64
import json
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from log_lines import EVIL, HOME, NOON, line

from ungcuu.case.record import Record
from ungcuu.core.errors import StepFailed
from ungcuu.hosts import profiles
from ungcuu.watch.explained import _times
from ungcuu.watch.logs import guessers, judge, look
from ungcuu.watch.logs.lines import Line, parse
from ungcuu.watch.logs.memory import Memory, from_document

ROOT = Path(__file__).parents[3]
SITE = judge.Site("web01", profiles.load("wordpress").login, ("wp-content/uploads",))


def judged(rows: list[str], memory: Memory | None = None, ages: dict[str, float] | None = None) -> dict[str, str]:
    known = [one for one in (parse(row.encode()) for row in rows) if one]
    assert len(known) == len(rows)
    memory = memory if memory is not None else Memory(cursors={"x": {}})
    batch = judge.Batch(known, ages or {}, learning=not memory.cursors)
    return {one.rule: f"{one.severity} {one.place}" for one in judge.judge(SITE, batch, memory)}


def tries(count: int, **more: Any) -> list[str]:
    begun = float(more.pop("at", 0))
    return [line("/wp-login.php", "POST", 200, at=begun + number, **more) for number in range(count)]


def test_a_login_after_many_wrong_ones_is_an_intruder_and_after_a_few_a_person() -> None:
    right = line("/wp-login.php", "POST", 302, at=90)
    assert judged([*tries(40), right])["log.guessed"] == f"critical {EVIL}: /wp-login.php (40 ×)"
    assert judged([*tries(5), right]) == {}
    assert judged([*tries(40, who=HOME), right]).keys() == {"log.brute-force"}, "somebody else logged in"


def banned(*numbers: int, near: str = "198.51.100", count: int = 11) -> list[str]:
    """Wrong passwords of addresses of one network, each until it was banned."""
    return [row for number in numbers for row in tries(count, who=f"{near}.{number}")]


def test_an_intruder_who_goes_on_from_the_next_address_when_one_is_banned() -> None:
    """On a hardened host no address comes to thirty wrong ones in an hour by haste. Seen failing before: no alert."""
    right = line("/wp-login.php", "POST", 302, at=90)
    found = judged([*banned(10, 11, 12), *tries(4), right])
    assert found["log.guessed"] == f"critical {EVIL}: /wp-login.php (4 ×, 198.51.100.0/24: 37 ×)"
    assert found["log.brute-force"].startswith("medium 198.51.100.10: 11 ×, ")
    memory = Memory(cursors={"x": {}})
    judged(banned(10, 11, 12), memory)
    memory = from_document(json.loads(json.dumps(memory.document(NOON))))
    assert "log.guessed" in judged([*tries(4), right], memory), "the addresses were banned in an earlier round"
    six = [row for number in range(3) for row in tries(11, who=f"2001:db8::{number + 1}")]
    late = [*tries(4, who="2001:db8::9"), line("/wp-login.php", "POST", 302, at=90, who="2001:db8::9")]
    assert "2001:db8::/64: 37 ×" in judged([*six, *late])["log.guessed"]


def test_visitors_of_a_socket_that_takes_both_kinds_of_addresses_are_not_one_network() -> None:
    """With `ipv6only=off` a log holds ::ffff:a.b.c.d. Seen failing: all were one ::/64, and a slip was critical."""
    rows = [row for number in range(3) for row in tries(11, who=f"::ffff:203.0.{number}.7")]
    late = [*tries(4, who="::ffff:192.0.2.9"), line("/wp-login.php", "POST", 302, at=90, who="::ffff:192.0.2.9")]
    assert "log.guessed" not in judged([*rows, *late])
    one = parse(line(who="::FFFF:c000:0209").encode())
    assert one is not None and one.address == "192.0.2.9", "under the name by which it is blocked"


@pytest.mark.parametrize(
    "rows",
    [
        [*banned(10, 11), *tries(4)],
        [*banned(10, 11, 12), *tries(2)],
        [*banned(*range(10, 40), count=9), *tries(4)],
        [*banned(10, 11, 12, near="203.0.113"), *tries(4)],
        [*banned(10, 11, 12), *tries(4, at=7200)],
    ],
    ids=["too few", "a slip", "an office where people mistype", "of another network", "long ago"],
)
def test_whoever_logs_in_while_others_guess_is_a_person(rows: list[str]) -> None:
    """Each public site is guessed at all the time: an editor who mistypes meanwhile must ring nobody's bell."""
    later = 7290 if "14:0" in rows[-1] else 90
    assert "log.guessed" not in judged([*rows, line("/wp-login.php", "POST", 302, at=later)])


def test_an_address_is_banned_after_as_many_wrong_ones_as_the_judge_takes_for_it() -> None:
    known = yaml.safe_load((ROOT / "roles/login_guard/defaults/main.yml").read_text("utf-8"))
    assert known["login_guard_tries"] == guessers.BANNED


def test_our_own_trial_of_the_limit_is_no_alert() -> None:
    """`harden` tries thirty wrong passwords from the host itself. Seen failing: an alert on each hardened host."""
    own = replace(SITE, own=((NOON, NOON + 60),))
    cases = {"127.0.0.1": False, "::1": False, EVIL: True}
    for who, alarmed in cases.items():
        lines = [parse(row.encode()) for row in tries(40, who=who)]
        batch = judge.Batch([one for one in lines if one], {})
        assert bool(judge.judge(own, batch, Memory(cursors={"x": {}}))) is alarmed
    assert "log.brute-force" in judged(tries(40, who="127.0.0.1")), "behind a proxy all visitors have this address"


def test_our_own_times_are_those_of_the_journal() -> None:
    def record(kind: str, when: str, **data: Any) -> Record:
        return Record(1, when, "", kind, {"run": "r", "hosts": ["web01/portal"], **data}, "", "")

    day = "2026-11-28T"
    run = [record("run_started", f"{day}12:00:00.000Z"), record("run_finished", f"{day}12:01:00.000Z")]
    assert list(_times(run, "web01")) == [(NOON, NOON + 60)]
    assert list(_times(run, "web02")) == []
    assert list(_times(run[:1], "web01")) == [(NOON, NOON + 3600)]


def test_guessing_is_counted_over_rounds_and_over_addresses() -> None:
    memory = Memory()
    assert judged(tries(20), memory) == {}
    memory = from_document(json.loads(json.dumps(memory.document(NOON))))
    assert "log.brute-force" in judged(tries(20), memory)
    many = [line("/wp-login.php", "POST", who=f"203.0.113.{number % 200}", at=number) for number in range(400)]
    assert "log.brute-force" in judged(many)


@pytest.mark.parametrize("row", [{}, {"tallies": {"x": {"other": 1}}}, {"tallies": 1}])
def test_a_memory_of_another_form_is_begun_again(row: dict[str, Any]) -> None:
    """A round that ends in an error at each turn looks at nothing; that logs are read from their ends is said."""
    assert from_document(row) == Memory()


def test_guessing_long_ago_is_over() -> None:
    late = [line("/wp-login.php", "POST", 200, at=7200), line("/wp-login.php", "POST", 302, at=7201)]
    assert "log.guessed" not in judged([*tries(40), *late])


SHELL = "/wp-content/plugins/contact/x.php"


def test_who_asks_the_program_that_appeared_after_the_own_upload() -> None:
    """The same program, asked by somebody else, or one that stood there long before, is nothing of the log's."""
    upload = line("/wp-admin/admin-ajax.php", "POST", 200, at=10)
    asked = line(SHELL, "POST", 200, at=60)
    fresh = {SHELL: NOON + 11}
    assert judged([upload, asked], ages=fresh) == {"log.upload-then-post": f"high {EVIL}: POST {SHELL}"}
    assert judged([upload, asked], Memory(), fresh) == {}, "the first round only learns which programs there are"
    assert judged([upload, line(SHELL, "POST", 200, at=60, who=HOME)], ages=fresh) == {}
    assert judged([upload, asked], ages={SHELL: NOON - 90_000}) == {}
    assert judged([upload, line(SHELL, "POST", 403, at=60)], ages=fresh) == {}
    at_once = judged([upload, line(SHELL, "POST", 200, at=11)], ages={SHELL: NOON + 11.4})
    assert at_once.keys() == {"log.upload-then-post"}, "a log has whole seconds"


@pytest.mark.parametrize(
    "target",
    [
        "/wp-content/uploads/2026/a.php",
        "/wp-content/uploads/a.php?cmd=id",
        "/wp-content/uploads/a.phtml/x",
        "/wp-content//uploads/%61.p%68p",
        "//wp-content/./uploads/a.PHP",
    ],
)
def test_a_program_among_uploads_that_answers_is_critical_however_it_is_spelt(target: str) -> None:
    assert judged([line(target, "POST")])["log.program-in-uploads"].startswith("critical")
    assert judged([line(target, "POST", 404)]) == {}


INJECTION = "/?id=1+UNION/**/ALL+SELECT+user_pass+FROM+wp_users"


@pytest.mark.parametrize("spelt", [INJECTION, INJECTION.replace("UNION", "%2555nIoN"), "/?id=1'+or+'1'='1"])
def test_an_injection_that_is_given_much_data(spelt: str) -> None:
    usual = [line(f"/?id={number}", size=20_000, at=number) for number in range(5)]
    assert judged([*usual, line(spelt, size=90_000, at=9)])["log.sql-data"].startswith("high")
    assert judged([*usual, line(spelt, size=21_000, at=9)]) == {}, "an attempt that got the usual page"
    assert judged([*usual, line(spelt, status=403, size=90_000, at=9)]) == {}


def test_injections_alone_are_compared_with_each_other() -> None:
    small = [line(f"/x?id={number}+union+select+1", size=900, at=number) for number in range(9)]
    assert "log.sql-data" in judged([*small, line("/x?id=1+union+select+2", size=60_000, at=20)])
    assert "log.sql-injection" in judged(small * 30)


def test_a_search_for_words_of_sql_is_none() -> None:
    asked = "/?s=the+union+of+students+select+a+chair,+or+'nobody'"
    assert judged([line(asked, size=900_000)] * 5) == {}


def test_a_secret_file_that_was_given_and_a_site_that_answers_everything() -> None:
    given = [line("/.env", size=300), line("/wp-config.php.bak", size=3000)]
    assert judged([*given, line("/nothing", status=404)])["log.secret-file"].startswith("high")
    assert judged(given) == {}, "no 404 at all: this site answers 200 to whatever is asked"


def test_a_scanner_notifies_nobody() -> None:
    rows = [line(f"/{number}.zip", status=404, at=number) for number in range(80)]
    assert judged(rows)["log.scanner"].startswith("low")
    assert judged([line(agent="sqlmap/1.8")])["log.scanner"].startswith("low")


def test_the_other_forms_of_a_line() -> None:
    vhost = parse(b'www.so.gov.vn:443 2001:db8::1 - an [28/Nov/2026:19:00:00 +0700] "GET /a?b HTTP/2.0" 200 -')
    assert vhost == Line("2001:db8::1", NOON, "GET", "/a?b", "HTTP/2.0", 200, 0, "")
    for odd in (
        b"",
        b"\xff" * 90,
        b'{"json": 1}',
        b'999.1.1.1 - - [28/Nov/2026:19:00:00 +0700] "GET / HTTP/1.1" 200 1',
    ):
        assert parse(odd) is None
    assert parse(line().replace("Nov", "Foo").encode()) is None
    assert parse(line().replace("28/", "31/").encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        line("/" + "wp-login.php/" * 400, "POST"),
        line("/?" + "union/*" * 500),
        line("/?" + "union((((((((((((((((((((" * 150),
        line("/" + ".ph" * 1300, "POST"),
        line(agent="\\" * 4000),
        line("/%" + "25" * 1500 + "27"),
        '1.1.1.1 - - ["' + '"' * 8000,
    ],
)
def test_no_line_takes_long(text: str) -> None:
    """A visitor chooses what stands there: a log full of the worst lines must not stop the round."""
    begun = time.monotonic()
    for _number in range(20):
        if one := parse(text.encode()):
            judge.judge(SITE, judge.Batch([one], {}), Memory())
    assert time.monotonic() - begun < 0.5


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.text(max_size=200))
def test_whatever_stands_there_ends_nothing_and_is_clean(raw: bytes, target: str) -> None:
    parse(raw)
    row = line("/wp-content/uploads/x.php/" + target.replace(" ", "") or "x", "POST")
    if one := parse(row.encode("utf-8", "surrogatepass")):
        for sight in judge.judge(SITE, judge.Batch([one], {}), Memory()):
            assert sight.place.isprintable()


def test_patterns_of_a_login_stand_alike_in_profile_and_role() -> None:
    """fail2ban and the watch must not disagree on what a failed login is."""
    stated = yaml.safe_load((ROOT / "roles/login_guard/vars/main.yml").read_text("utf-8"))["__login_guard_failed"]
    for name in stated.keys() - {"other"}:
        login = profiles.load(name).login
        assert login is not None
        assert list(login.failed) == stated[name], name


FACTS = {"website_application": "wordpress", "website_writable_paths": ["wp-content/uploads"]}


def answered(rows: list[str], lost: bool = False, notes: dict[str, Any] | None = None) -> look.LogView:
    data = base64.b64encode(zlib.compress("\n".join(rows).encode())).decode()
    cursor = {"inode": 1, "offset": 9, "mark": "a"}
    document = {"logs": [{"path": "/l", "cursor": cursor, "lost": lost, "waiting": 0, "data": data}], "files": {}}
    notes = notes if notes is not None else {}
    memory = from_document(notes.get("logs") or {})
    return look.judged(
        look._site("web01", FACTS), look.Answer.read("web01", json.dumps(document).encode()), memory, notes
    )


def test_a_log_that_was_cut_is_an_alert_and_after_days_without_a_look_is_none() -> None:
    notes: dict[str, Any] = {}
    assert answered([line()], notes=notes).sights == []
    assert [one.rule for one in answered([], lost=True, notes=notes).sights] == ["log.cut"]
    notes["logs_time"] = "2026-01-01T00:00:00.000Z"
    assert answered([], lost=True, notes=notes).sights == []


def test_logs_of_another_form_are_said_to_be_unread() -> None:
    view = answered(['{"request": "GET / HTTP/1.1"}'] * 3)
    assert any("another form" in text for text in view.unseen)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"logs": [{}], "files": {}}', b'{"logs": 1, "files": {}, "x": "'])
def test_an_answer_of_another_form_is_refused(raw: bytes) -> None:
    with pytest.raises(StepFailed):
        look.Answer.read("web01", raw)


def test_a_bomb_gives_no_more_bytes_than_were_asked_for() -> None:
    """The host answers. Seen failing without the limit of what is unpacked."""
    data = base64.b64encode(zlib.compress(b"x" * (look.BYTES + (8 << 20)))).decode()
    row = {"path": "/l", "cursor": None, "lost": False, "waiting": 0, "data": data}
    answer = look.Answer.read("web01", json.dumps({"logs": [row, row], "files": {}}).encode())
    assert sum(len(one.data) for one in answer.rows) <= look.BYTES + 1
