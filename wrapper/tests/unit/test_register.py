"""The register of preparedness: what people type, import or edit by hand is taken whole, or refused with its place."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from ungcuu.cli.commands import register as command
from ungcuu.core import i18n
from ungcuu.core.errors import ControllerFault, Refused
from ungcuu.core.settings import Settings
from ungcuu.prepare.register import exchange, index, store
from ungcuu.prepare.register.entry import MOST_BYTES, Entry, Unreadable, as_yaml, parse
from ungcuu.prepare.register.kinds import DAYS, KINDS, Field, Unfit, fields_of, read

TODAY = date(2026, 11, 28)
SESSION: dict[str, str | list[str]] = {"title": "Mật khẩu", "date": "2026-10-02", "attendees": ["Nguyễn An", "Lê Bình"]}


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    i18n.set_language("en")
    yield
    i18n.set_language("en")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "state", tmp_path, "an")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def kept(settings: Settings, site: Path, kind: str = "awareness", **raw: str | list[str]) -> Entry:
    found = store.load(settings, site)
    entry = store.made(found, kind, raw or SESSION, TODAY)
    store.add(settings, found, [entry])
    return entry


def files(site: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (site / "register").iterdir()}


# --- one record ---------------------------------------------------------------------------------------------------


def test_a_record_is_a_file_that_people_can_read_and_edit(settings: Settings, site: Path) -> None:
    entry = kept(settings, site)
    text = (site / "register" / "awareness-001.yml").read_text("utf-8")
    assert text == "title: Mật khẩu\ndate: 2026-10-02\nattendees:\n- Nguyễn An\n- Lê Bình\n"
    assert store.load(settings, site).find("awareness-001") == entry


@pytest.mark.parametrize(
    ("kind", "raw", "field"),
    [
        ("awareness", {"title": "x", "date": "2026-02-30"}, "date"),
        ("awareness", {"title": "x", "date": "28/11/2026"}, "date"),
        ("awareness", {"title": "x", "date": "20260101"}, "date"),
        ("awareness", {"title": "x", "date": "0001-01-01"}, "date"),
        ("awareness", {"title": "x", "date": "٢٠٢٦-01-01"}, "date"),
        ("awareness", {"title": "x"}, "date"),
        ("awareness", {"title": " ", "date": "2026-01-01"}, "title"),
        ("awareness", {"title": "x", "date": "2026-01-01", "colour": "red"}, "colour"),
        ("awareness", {"title": "x\ny", "date": "2026-01-01"}, "title"),
        ("awareness", {"title": "x\x1b[2J", "date": "2026-01-01"}, "title"),
        ("awareness", {"title": "x" * 501, "date": "2026-01-01"}, "title"),
        ("awareness", {"title": ["x", "y"], "date": "2026-01-01"}, "title"),
        ("awareness", {"title": "x", "date": "2026-01-01", "notes": "n" * (10 << 20)}, "notes"),
        ("awareness", {"title": "x", "date": "2026-01-01", "attendees": ["a"] * 1001}, "attendees"),
        ("awareness", {"title": "x", "date": "2026-01-01", "unit": "../etc"}, "unit"),
        ("training", {"title": "x", "date": "2026-01-01", "person": "An"}, "until"),
        ("training", {"title": "x", "date": "2026-01-01", "until": "2025-01-01", "person": "An"}, "until"),
        ("review", {"title": "x", "date": "2026-01-01", "subject": "weather"}, "subject"),
        ("interval", {"title": "x", "what": "scan", "days": "0"}, "days"),
        ("interval", {"title": "x", "what": "scan", "days": "1e9"}, "days"),
        ("awareness", {"title": "x", "date": "2026-11-29"}, "date"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(
    settings: Settings, site: Path, kind: str, raw: dict[str, str | list[str]], field: str
) -> None:
    with pytest.raises(Unfit) as caught:
        store.made(store.load(settings, site), kind, raw, TODAY)
    assert caught.value.field == field
    assert not (site / "register").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("title: x\ndate: 2026-02-30\n", 2),
        ("title: x\ncolour: red\ndate: 2026-01-01\n", 2),
        ("title: x\ntitle: y\ndate: 2026-01-01\n", 2),
        ("title: {a: b}\ndate: 2026-01-01\n", 1),
        ("title: [[x]]\ndate: 2026-01-01\n", 1),
        ("- title\n", 1),
        ("title: x\ndate: 2026-01-01\n---\ntitle: y\n", 0),
        ("title: &a x\nowner: *a\ndate: 2026-01-01\n", 2),
        ("title: 'x\n", 2),
        ("just words\n", 1),
        ("", 1),
    ],
)
def test_a_file_that_people_broke_names_its_line(text: str, line: int) -> None:
    with pytest.raises(Unreadable) as caught:
        parse("awareness-001", text.encode())
    assert caught.value.line == line, caught.value.why


def test_one_broken_file_hides_no_other_and_is_named(
    settings: Settings, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing with the faults of ``store.load`` left out."""
    kept(settings, site)
    (site / "register" / "awareness-002.yml").write_text("title: x\ndate: 2026-02-30\n", "utf-8")
    (site / "register" / "notes.yml").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(index, "YOUNG_SECONDS", -1.0)
    for language, said in (("en", "no calendar has"), ("vi", "không có trong lịch")):  # read, and out of the index
        i18n.set_language(language)
        found = store.load(settings, site)
        assert said in found.faults[0].why
        assert found.find("awareness-001") is not None
        assert [(Path(fault.place).name, fault.line) for fault in found.faults] == [
            ("awareness-002.yml", 2),
            ("notes.yml", 0),
        ]
    assert found.free_id("awareness") == "awareness-003"  # the broken file keeps its name


def test_bombs_and_nests_end_as_an_error() -> None:
    """Seen failing with ``yaml.compose``: the C composer ended the process on the nest."""
    nest = b"[" * 200_000
    bomb = b"a: &a [x, x]\n" + b"".join(b"b%d: &b%d [*a, *a]\n" % (n, n) for n in range(9))
    for data in (nest, bomb, b"title: " + b"x" * MOST_BYTES):
        with pytest.raises(Unreadable):
            parse("awareness-001", data)


@pytest.mark.parametrize("name", ["notes", "awareness", "awareness-", "awareness-A", "../awareness-1", "awareness-x.y"])
def test_a_name_that_is_no_kind_is_refused(name: str) -> None:
    with pytest.raises(Unreadable):
        parse(name, b"title: x\ndate: 2026-01-01\n")


# --- writing ------------------------------------------------------------------------------------------------------


def full(*_arguments: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_everything_as_it_was(
    settings: Settings, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing with the drafts written over the files themselves."""
    first = kept(settings, site)
    before, found = files(site), store.load(settings, site)
    changed = store.made(found, "awareness", {**first.as_texts(), "title": "Khác"}, TODAY, first.id)
    new = store.made(found, "task", {"title": "x", "due": "2026-12-01"}, TODAY)
    calls = []

    def write(fd: int, data: bytes, real: Callable[[int, bytes], int] = os.write) -> int:
        calls.append(fd)
        return full() if len(calls) > 1 else real(fd, data)  # the second file does not fit any more

    monkeypatch.setattr("ungcuu.core.atomic.os.write", write)
    with pytest.raises(ControllerFault, match="No space left"):
        store.replace(settings, found, [changed, new])
    assert files(site) == before


def test_nothing_is_overwritten_that_was_not_read(settings: Settings, site: Path) -> None:
    """Two people at once: the second is refused. Seen failing without the comparison in ``replace``."""
    entry = kept(settings, site)
    found = store.load(settings, site)
    changed = store.made(found, "awareness", {**entry.as_texts(), "title": "Khác"}, TODAY, entry.id)
    path = site / "register" / "awareness-001.yml"
    path.write_text(path.read_text("utf-8") + "owner: Chi\n", "utf-8")
    with pytest.raises(Refused):
        store.replace(settings, found, [changed])
    with pytest.raises(Refused):
        store.add(settings, found, [changed])
    assert "owner: Chi" in path.read_text("utf-8")


def test_the_index_is_made_again_and_never_lies(
    settings: Settings, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed file of the same size is read anew; a broken, foreign or unwritable index changes no answer.

    Seen failing with the state of the file left out of the index's key.
    """
    monkeypatch.setattr(index, "YOUNG_SECONDS", -1.0)
    kept(settings, site)
    path = site / "register" / "awareness-001.yml"
    wanted = store.load(settings, site).entries
    database = settings.state / index.NAME
    assert database.stat().st_mode & 0o777 == 0o600
    for data in (b"no database", b"", b"SQLite format 3\0" + b"\xff" * 500):
        database.write_bytes(data)
        assert store.load(settings, site).entries == wanted
    database.unlink()
    database.mkdir()
    assert store.load(settings, site).entries == wanted
    database.rmdir()
    store.load(settings, site)
    path.write_text(path.read_text("utf-8").replace("Mật khẩu", "Mật khẩX"), "utf-8")
    found = store.load(settings, site).find("awareness-001")
    assert found is not None and found.title == "Mật khẩX"


def test_the_site_s_own_file_wins_over_a_shipped_legal_text(settings: Settings, site: Path) -> None:
    assert {entry.text("status") for entry in store.shipped()} <= {"in-force", "superseded", "unclear"}
    cited = [entry for entry in store.shipped() if entry.text("in_plan") == "yes"]
    assert len(cited) == 5, "the plan's own five"
    (site / "register").mkdir()
    mine = as_yaml(cited[0]).replace("in_plan: 'yes'", "in_plan: 'no'")
    (site / "register" / f"{cited[0].id}.yml").write_text(mine, "utf-8")
    found = store.load(settings, site).find(cited[0].id)
    assert found is not None and found.text("in_plan") == "no"


# --- table and calendar -------------------------------------------------------------------------------------------

_CHARS = [*list("aZ9 =+-@|%'\";,:\\#&*!?{}[]<>\t/ạĐ日🙂~^`$.()_"), "0", "no", "null", "2026-01-01", "\xa0", "\u2028"]


def random_text(rng: random.Random) -> str:
    return "".join(rng.choice(_CHARS) for _ in range(rng.randint(1, 12))).replace("\t", " ").strip() or "x"


def random_value(rng: random.Random, form: Field) -> str | list[str]:
    day = date.fromordinal(date(2000, 1, 1).toordinal() + rng.randint(0, 9000)).isoformat()
    values: dict[str, Callable[[], str | list[str]]] = {
        "lines": lambda: "\n".join(random_text(rng) for _ in range(rng.randint(1, 3))),
        "texts": lambda: [random_text(rng) for _ in range(rng.randint(1, 4))],
        "names": lambda: [f"web{rng.randint(1, 99)}" for _ in range(rng.randint(1, 3))],
        "name": lambda: "qltt",
        "day": lambda: day,
        "days": lambda: str(rng.randint(1, 999)),
        "choice": lambda: rng.choice(form.choices),
    }
    return values.get(form.form, lambda: random_text(rng))()


def random_entries(rng: random.Random, count: int) -> list[Entry]:
    """Records of all kinds with odd characters in every field; those that contradict themselves are left out."""
    found: list[Entry] = []
    while len(found) < count:
        kind = rng.choice(list(KINDS))
        fields = fields_of(kind)
        raw = {name: random_value(rng, form) for name, form in fields.items() if form.required or rng.random() < 0.6}
        try:
            found.append(Entry(f"{kind}-{len(found):03d}", read(kind, raw)))
        except Unfit:
            continue
    return found


@pytest.mark.parametrize("seed", range(40))
def test_whatever_a_record_holds_comes_back_from_file_and_table(seed: int, tmp_path: Path) -> None:
    """Property, over 2,000 random records: YAML and CSV give back what they were given; no cell is a formula.

    Seen failing with the apostrophe left on in ``_uncell``.
    """
    rng = random.Random(seed)  # noqa: S311 - a test repeats its numbers
    entries = random_entries(rng, 50)
    for entry in entries:
        assert parse(entry.id, as_yaml(entry).encode()) == entry
    empty = store.Register(tmp_path, ())
    table = exchange.as_csv(entries)
    found = exchange.from_csv(table, empty, date(2100, 1, 1))
    assert list(found.new) == entries
    known = store.Register(tmp_path, tuple(entries))
    assert exchange.from_csv(table, known, date(2100, 1, 1)).same == len(entries)


@pytest.mark.parametrize("title", ["=1+1", "@SUM(A1)", "+1", "-1", '"=1"', " =1", "'=1", "|calc", "<b>x</b>"])
def test_no_cell_is_computed_by_a_spreadsheet(title: str, tmp_path: Path) -> None:
    """Seen failing without the apostrophe of ``_cell``."""
    import csv
    import io

    entry = Entry("task-001", read("task", {"title": title, "due": "2026-12-01", "notes": f"{title}\n{title}"}))
    rows = list(csv.reader(io.StringIO(exchange.as_csv([entry]).removeprefix("\ufeff"))))
    assert not [cell for row in rows for cell in row if cell.lstrip(' "\n').startswith(("=", "+", "-", "@", "|"))]
    back = exchange.from_csv(exchange.as_csv([entry]), store.Register(tmp_path, ()), TODAY)
    assert back.new == (entry,)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_a_vietnamese_spreadsheet_is_read(separator: str, tmp_path: Path) -> None:
    """Excel with a Vietnamese locale writes semicolons; a kind instead of an id is a new record."""
    head = separator.join(["id", "title", "date", "attendees"])
    rows = [separator.join(["awareness", f"Buổi {n}", "2026-10-02", '"An\nBình"']) for n in (1, 2)]
    text = "\ufeff" + "\r\n".join([head, *rows]) + "\r\n"
    found = exchange.from_csv(text, store.Register(tmp_path, ()), TODAY).new
    assert [entry.id for entry in found] == ["awareness-001", "awareness-002"]
    assert found[0].items("attendees") == ("An", "Bình")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("id,title,date\nawareness,x,2026-10-02\nawareness,y,2026-02-30\n", "row 3"),
        ("id,title,date\nawareness,x\n", "row 2"),
        ("id,title,colour\nawareness,x,red\n", "row 1"),
        ("title,date\nx,2026-10-02\n", "row 1"),
        ("id,title,date\nawareness-001,x,2026-10-02\nawareness-001,y,2026-10-02\n", "row 3"),
        ("id,title,date\n../../x,x,2026-10-02\n", "row 2"),
        ('id,title,date\nawareness,"x,2026-10-02\n', "the table"),
        ("", "row 1"),
        ("id,title,date\nawareness,x,2026-11-29\n", "row 2"),
    ],
)
def test_a_bad_table_is_refused_with_its_row(text: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(exchange.BadRow) as caught:
        exchange.from_csv(text, store.Register(tmp_path, ()), TODAY)
    assert caught.value.place == place, str(caught.value)


@pytest.mark.parametrize("seed", range(10))
def test_any_bytes_end_as_a_record_or_as_an_error_that_says_where(seed: int, tmp_path: Path) -> None:
    """Property: no input ends as a fault of the program."""
    rng = random.Random(seed)  # noqa: S311 - a test repeats its numbers
    good = [
        as_yaml(Entry("awareness-001", read("awareness", SESSION))).encode(),
        exchange.as_csv(random_entries(rng, 5)).encode(),
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART;VALUE=DATE:20261201\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    ]
    register = store.Register(tmp_path, ())
    for _ in range(300):
        data = bytearray(rng.choice(good))
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(data))
            data[at : at + rng.randint(0, 3)] = bytes(rng.randrange(256) for _ in range(rng.randint(0, 4)))
        text = bytes(data).decode("utf-8", "replace")
        for read_it, error in (
            (lambda d=bytes(data): parse("awareness-001", d), Unreadable),
            (lambda t=text: exchange.from_csv(t, register, TODAY), exchange.BadRow),
            (lambda t=text: exchange.from_calendar(t, register, TODAY), exchange.BadRow),
        ):
            try:
                read_it()
            except error as refused:
                assert str(refused)


def test_the_command_line_knows_the_same_kinds() -> None:
    """The command's file is loaded for --help and imports nothing heavy, so it repeats them."""
    from ungcuu.case.lessons import ROOT_CAUSES
    from ungcuu.cli.commands import case

    assert tuple(KINDS) == command.KINDS
    assert tuple(ROOT_CAUSES) == case._ROOT_CAUSES
    page = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "register.md").read_text("utf-8")
    missing = [name for kind in KINDS for name in (kind, *fields_of(kind)) if f"`{name}`" not in page]
    assert missing == [], "docs/how-to/register.md leaves these out"
    assert [name for name in DAYS if f"`{name}` {DAYS[name]}" not in page] == []
