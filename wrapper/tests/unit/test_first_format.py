"""A case that the first format recorded: sentences instead of codes. It still verifies, and still can be read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from casebook import settings_in
from test_report import NOW, Reader

from ungcuu.case.case import Case
from ungcuu.case.facts import payload
from ungcuu.case.integrity import check
from ungcuu.case.journal import read_records
from ungcuu.case.journal_check import verify
from ungcuu.contain import proofs
from ungcuu.core.i18n import set_language
from ungcuu.core.phrases import Proof, Side, phrase
from ungcuu.core.sentences import shown
from ungcuu.report.document import render
from ungcuu.report.format import pairs
from ungcuu.report.model import build

OLD = Path(__file__).with_name("data") / "first-format"
FOLDER = OLD / "UC-20261128-001"


@pytest.fixture(autouse=True)
def vietnamese() -> Iterator[None]:
    set_language("vi")
    yield
    set_language("en")


def test_it_still_verifies() -> None:
    """A record that outlives a release is worth nothing if the next release calls it forged."""
    result = verify(FOLDER, OLD / "journal_ed25519.pub", OLD / "head.json")
    assert (result.ok, result.records) == (True, 64), result.problem


def test_one_word_changed_is_seen(tmp_path: Path) -> None:
    copy = tmp_path / FOLDER.name
    shutil.copytree(FOLDER, copy)
    text = (copy / "journal.jsonl").read_text("ascii")
    (copy / "journal.jsonl").write_text(text.replace("all silent", "all Silent", 1), "ascii")
    assert not verify(copy, OLD / "journal_ed25519.pub", OLD / "head.json").ok


def test_every_proof_is_shown_in_the_reader_s_language() -> None:
    """Seen failing with the reader of the first format taken out."""
    rows = [payload(record) for record in read_records(FOLDER) if record.kind == "proof"]
    assert len(rows) == 19
    free = {"a new SSH session in 0.31 s", "no health text is configured", "newest restore point: 2 h old"}
    for row in rows:
        words = (proofs.name_words(row), proofs.place_words(row), shown(row["detail"]))
        english = [word for word in words if word in row.values() and word not in free and re.search("[a-z]{4}", word)]
        assert not [word for word in english if word not in NEVER_TRANSLATED], words


# Sentences that no catalogue had when they were recorded.
NEVER_TRANSLATED = {"sshd gave no answer", "only the responders' keys log in"}


def test_the_report_shows_the_whole_case(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    shutil.copytree(FOLDER, settings.cases / FOLDER.name)
    settings.heads.mkdir()
    shutil.copy(OLD / "head.json", settings.heads / f"{FOLDER.name}.json")
    settings.keys.mkdir()
    shutil.copy(OLD / "journal_ed25519.pub", settings.keys)
    case = Case(settings, FOLDER.name)
    text = Reader(render(build(case.records(), check(case), "ab" * 32, NOW))).text
    for words in (
        "không cổng nào trả lời",
        "từ bên ngoài (vault01)",
        "2 cổng trên IPv4 và IPv6: tất cả không trả lời",
        "trạng thái 500",
        "Hồ sơ của bản ghi cũ",
    ):
        assert words in text, words


def test_a_record_of_today_reads_like_one_of_the_first_format() -> None:
    """The same proof, recorded then and now, is the same words."""
    then = {"name": "no port answers", "side": "from outside (vault01)", "passed": True, "detail": ""}
    place = proofs.Place(Side.OUTSIDE, "vault01")
    now = proofs.proof(Proof.NO_PORT_ANSWERS, place, True, phrase(Proof.NO_PORT_ANSWERS))
    assert proofs.words(now) == proofs.words(then)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"what": "put_back", "item": "q1"}, "đã đặt lại"),
        ({"what": "put back", "item": "q1"}, "đã đặt lại"),
        ({"what": "processes with open files"}, "processes with open files"),
        ({"action": "block 192.0.2.1"}, "block 192.0.2.1"),
        ({"name": "package", "size": 3}, "package"),
        ({"name": "dns_dead", "side": "inside", "passed": True}, "trên máy chủ"),
        ({"missing": [{"name": "dns_dead", "side": "inside"}]}, "trên máy chủ"),
    ],
)
def test_a_line_of_details_has_words_for_codes_and_leaves_texts_alone(data: dict[str, object], words: str) -> None:
    assert words in pairs(data)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"name": "website: home page", "detail": "home page: status 500"}, "trang web: trang chủ"),
        ({"name": "website: page of b.vn:80", "detail": "it has another title"}, "trang có tiêu đề khác"),
        ({"name": "old password of lan is dead", "detail": ""}, "mật khẩu cũ của lan không còn hiệu lực"),
        ({"name": "every file's hash", "detail": "12 files as in the vault"}, "12 tệp đúng như trong kho sao lưu"),
        ({"name": "backup_before_patch", "detail": "newest restore point: not known"}, "điểm khôi phục mới nhất"),
        ({"name": "recovery time", "detail": "61.2 s"}, "61.2 s"),
        ({"name": "website_health", "detail": "no answer (timeout) after 5 attempts"}, "sau 5 lần thử"),
    ],
)
def test_a_record_of_the_release_before_codes_reads_in_the_reader_s_language(row: dict[str, str], words: str) -> None:
    """Those were sentences as well: of the website's trials, a restore, a rotation, a patch run."""
    assert words in f"{proofs.name_words(row)}: {shown(row['detail'])}"
