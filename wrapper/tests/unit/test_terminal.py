"""The gate in front of every terminal: hostile strings, compared on an emulated screen."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest

from ungcuu.cli import render
from ungcuu.core.errors import UngcuuError
from ungcuu.core.terminal import LIMIT, Screen, clean, clean_lines, shorten, width

HOSTILE = {
    "clear the screen": "\x1b[2J\x1b[H",
    "move up and overwrite": "\x1b[3A\rDONE, nothing found\x1b[K",
    "colour": "\x1b[32mPASSED\x1b[0m",
    "conceal": "\x1b[8mhidden",
    "window title": "\x1b]0;root@controller\x07",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "hyperlink": "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
    "device control": '\x1bP$q"p\x1b\\',
    "answerback": "\x1b[6n\x1b[c\x05",
    "8-bit CSI": "\x9b2J\x9bH",
    "8-bit OSC": "\x9d0;title\x9c",
    "alternate screen": "\x1b[?1049h",
    "scroll region": "\x1b[1;1r",
    "reset": "\x1bc",
    "line drawing": "\x0e",
    "backspace": "DANGER\b\b\b\b\b\bclean ",
    "carriage return": "web shell found\rall is well     ",
    "newline": "a\nstep 11 of 11 · done",
    "vertical tab": "a\x0bb\x0cc",
    "line separators": "a\u2028b\u2029c\x85d",
    "bidi override": "photo_\u202egnp.php",
    "bidi isolate": "\u2067abc\u2069",
    "marks": "\u200e\u200f\u061c",
    "Hebrew": "a שלום b",
    "Arabic": "a سلام b",
    "zero width": "adm\u200bin\u200d\ufeff\u2060",
    "tags": "x\U000e0041\U000e0042",
    "fillers": "x\u3164\u115f\u2800y",
    "private use": "\ue000\U000f0000",
    "lone surrogate": "\udcff\ud800",
    "unassigned": "\u0378",
    "delete": "a\x7fb",
    "null": "a\x00b",
    "zalgo": "Z" + "\u0300" * 40,
    "orphan mark": "\u0301abc",
    "variation": "a\ufe0f\U000e0100",
    "soft hyphen": "pass\u00adword",
}
VIETNAMESE = (
    "Sở Công Thương: Liên kết cờ bạc chèn vào trang chủ. Đã khắc phục 100 % – “ổn định” ở Đắk Lắk, Ưu đãi, nghiêng ngả"
)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("cleaner", [clean, clean_lines])
def test_what_is_left_is_visible_and_stays_in_its_place(text: str, cleaner: object) -> None:
    """A file name may not rewrite the line that says what was found."""
    shown = cleaner(text)
    for char in shown.replace("\n", "") if cleaner is clean_lines else shown:
        assert unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}, repr(shown)
        assert unicodedata.bidirectional(char) not in {"R", "AL", "AN"}, repr(shown)
    assert clean(shown.replace("\n", "")) == shown.replace("\n", ""), "cleaning twice changes nothing"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_terminal_shows_the_same_around_it(text: str) -> None:
    """The proof that counts: an emulated terminal, with our own lines before and after the hostile one."""
    pyte = pytest.importorskip("pyte")
    emulator = pyte.Screen(400, 12)
    stream = pyte.ByteStream(emulator)
    out = io.StringIO()
    screen = Screen(out, colour=False)
    screen.line("step 4 of 11 · scan · web01")
    screen.line(f"found: {text}")
    screen.line("case: open")
    stream.feed(out.getvalue().replace("\n", "\r\n").encode("utf-8"))
    lines = [line.rstrip() for line in emulator.display]
    assert lines[0] == "step 4 of 11 · scan · web01"
    assert lines[1].startswith("found: ")
    assert lines[2] == "case: open"
    assert lines[3:] == [""] * 9
    assert emulator.title == "" and (emulator.cursor.x, emulator.cursor.y) == (0, 3)


def test_every_character_there_is() -> None:
    """No list of bad characters is ever complete: all of Unicode goes through."""
    for start in range(0, sys.maxunicode + 1, 4096):
        block = "".join(map(chr, range(start, min(start + 4096, sys.maxunicode + 1))))
        for char in clean(block, None):
            assert char.isprintable() and unicodedata.bidirectional(char) not in {"R", "AL", "AN"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_vietnamese_is_untouched(form: str) -> None:
    text = unicodedata.normalize(form, VIETNAMESE)
    assert clean(text) == text


def test_what_was_there_is_still_shown() -> None:
    """Neutralised, not hidden: the trick itself is a finding."""
    assert clean("a\x1b[2J\u202e\r\n\udcff\U000e0041") == "a\\x1b[2J\\u202e\\r\\n\\udcff\\U000e0041"


def test_only_line_feeds_survive_in_a_block() -> None:
    assert clean_lines("a\nb\r\nc\u2028d") == "a\nb\\r\nc\\u2028d"


def test_long_text_is_cut_and_says_so() -> None:
    """A host can answer with a gigabyte."""
    assert clean("x" * (LIMIT + 5)) == "x" * LIMIT + "… (+5)"
    assert clean("abc", 3) == "abc"
    assert clean("x" * 10_000, None) == "x" * 10_000


def test_bytes_and_other_things_are_shown_too() -> None:
    assert clean(b"a\xff\x1b") == "a\\xff\\x1b"
    assert clean(None) == "None"
    assert clean(4.5) == "4.5"


def test_colour_is_ours_alone() -> None:
    out = io.StringIO()
    Screen(out, colour=True).line("bad \x1b[32mgood", "bad")
    assert out.getvalue() == "\x1b[31;1mbad \\x1b[32mgood\x1b[0m\n"


def test_a_stream_that_is_no_terminal_gets_no_codes() -> None:
    out = io.StringIO()
    screen = Screen(out)
    screen.line("x", "bad")
    screen.progress("working")
    screen.table([("a", "long \x1b"), ("ccc", "d")])
    assert out.getvalue() == "x\n  a    long \\x1b\n  ccc  d\n"


def test_a_terminal_without_utf8_gets_escapes_not_an_exception() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    Screen(stream).line("Đã cô lập")
    assert raw.getvalue() == b"\\u0110\\xe3 c\\xf4 l\\u1eadp\n"


def test_progress_is_replaced_and_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    screen = Screen(out, colour=False)
    screen.progress("x" * 50)
    screen.line("done")
    assert out.getvalue() == "\r\x1b[K" + "x" * 18 + "…" + "\r\x1b[K" + "done\n"


def test_columns_of_wide_and_combining_characters() -> None:
    assert (width("ộ"), width(unicodedata.normalize("NFD", "ộ")), width("漢")) == (1, 1, 2)


def test_no_letter_carries_more_marks_than_a_line_is_high() -> None:
    """Piled marks paint over the lines above and below."""
    assert clean("Z" + "\u0300" * 5 + "x") == "Z\u0300\u0300\u0300\\u0300\\u0300x"
    assert clean("\u0301abc") == "\\u0301abc"


def test_marks_of_every_kind_count_and_every_space_is_a_space() -> None:
    """A space of another width could push what follows out of its column. Spacing marks pile up like the others."""
    assert clean("a\u00a0b\u3000c\u2003d\te") == "a b c d e"
    for mark in ("\u0903", "\u20dd", "\u0300"):
        assert clean("\u0905\u0301" + mark * 3).count("\\u") == 1


@pytest.mark.parametrize(
    ("style", "code"), [("good", "32"), ("bad", "31;1"), ("warn", "33"), ("strong", "1"), ("quiet", "2")]
)
def test_each_style_has_its_colour(style: str, code: str) -> None:
    out = io.StringIO()
    Screen(out, colour=True).line("x", style)
    assert out.getvalue() == f"\x1b[{code}mx\x1b[0m\n"


def test_progress_is_taken_away_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Narrow()
    screen = Screen(out, colour=False)
    screen.progress("x")
    screen.clear()
    screen.clear()
    screen.line("done")
    assert out.getvalue() == "\r\x1b[Kx\r\x1b[Kdone\n"


def test_a_text_that_just_fits_is_not_cut() -> None:
    assert [shorten("abc", room) for room in (3, 2, 1, 0)] == ["abc", "a…", "…", "…"]
    assert shorten("a", 0) == "a"
    assert shorten("ab", 1) == "…"


def test_an_entry_without_a_text_keeps_its_word() -> None:
    out = Narrow()
    Screen(out, colour=False).entry("good", "")
    assert out.getvalue() == "  good  \n"


@pytest.mark.parametrize("char", ["\u3164", "\u115f", "\u2800", "\ufe0f", "\U000e0100"])
def test_letters_that_show_nothing_are_reported(char: str) -> None:
    """`admin` and `admin` with a filler must not look alike."""
    assert clean(f"a{char}b") != f"a{char}b"
    assert clean(f"a{char}b").isascii()


class Narrow(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_detail_goes_on_below_its_indent_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list whose rows start again at the left edge can't be read. A file gets each row whole."""
    monkeypatch.setenv("COLUMNS", "31")
    out, file = Narrow(), io.StringIO()
    for stream in (out, file):
        screen = Screen(stream, colour=False)
        screen.block("whole line that is long, and whole\n    one two three four five six seven")
        screen.entry("bad ", "disk: 12 MiB free for evidence, too little")
    assert out.getvalue().splitlines() == [
        "whole line that is long, and whole",
        "    one two three four five",
        "    six seven",
        "  bad   disk: 12 MiB free for",
        "        evidence, too little",
    ]
    assert len(file.getvalue().splitlines()) == 3


def test_an_error_breaks_no_word_at_the_edge_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing at 80 columns: the terminal cut words of the sentences in two. A command stays in one line."""
    monkeypatch.setenv("COLUMNS", "31")
    path = "/var/lib/a-folder/with-a-long-name/journal.jsonl"
    fault = UngcuuError(
        f"It can't be written: {path}", "Nothing was done on a host, and no run is open.", ("df -h " * 9).strip()
    )
    out, file = Narrow(), io.StringIO()
    for stream in (out, file):
        render.error(fault, Screen(stream, colour=False))
    assert out.getvalue().splitlines() == [
        "It can't be written:",
        path,
        "State now: Nothing was done on",
        "a host, and no run is open.",
        "Next:      " + ("df -h " * 9).strip(),
    ]
    assert file.getvalue().splitlines()[1] == "State now: Nothing was done on a host, and no run is open."
