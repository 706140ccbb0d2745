"""A Vietnamese report must not be half English: what our own modules write into records has a translation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ungcuu.contain import proofs
from ungcuu.core.check_phrases import FAMILIES
from ungcuu.core.i18n import set_language
from ungcuu.core.phrases import CaseTitle, Change, Detail, Proof, Reason, Side, phrase
from ungcuu.core.sentences import earlier, shown, templates, title

ROOT = Path(__file__).parents[3]
VANTAGE = proofs.Place(Side.OUTSIDE, "intruder01")
PROFILES = ROOT / "roles" / "evidence" / "profiles"


@pytest.fixture(autouse=True)
def vietnamese() -> Iterator[None]:
    set_language("vi")
    yield
    set_language("en")


def taken() -> list[dict[str, Any]]:
    """Every proof of containment that there is, passed and failed."""
    addresses, ports = ["198.51.100.2", "fd00::2"], [22, 80]
    silent = {"ports": [{"address": a, "port": p, "state": "silent"} for a in addresses for p in ports]}
    pages = {"site": [{"address": a, "status": 200, "found": True} for a in addresses]}
    notices = {"site": [{"address": a, "status": 503, "found": False} for a in addresses]}
    inside = {
        "out": [{"state": "blocked"}],
        "dns": [{"state": "silent"}],
        "moving": [],
        "held": 3,
        "site": {"status": 200, "found": True},
    }
    return [
        *proofs.contained(silent, proofs.CONTROLLER, addresses, ports),
        *proofs.contained(silent, VANTAGE, addresses, ports),
        *proofs.contained_inside(inside, ["203.0.113.1"], True),
        *proofs.contained_inside({**inside, "site": {"status": 500}}, [], True),
        *proofs.served(pages, proofs.CONTROLLER, addresses),
        *proofs.notice(notices, proofs.CONTROLLER, addresses),
        *proofs.closed(silent, VANTAGE, addresses),
    ]


@pytest.mark.parametrize("row", taken(), ids=lambda row: f"{row['name']}, {row['side']}")
def test_a_proof_is_reported_in_the_readers_language(row: dict[str, Any]) -> None:
    words = (proofs.name_words(row), proofs.place_words(row), shown(row["detail"]))
    set_language("en")
    english = (proofs.name_words(row), proofs.place_words(row), shown(row["detail"]))
    assert all(vi != en and "?" not in en for vi, en in zip(words, english, strict=True)), words


def test_values_stay_what_they_are() -> None:
    assert shown("from outside (intruder01)") == "từ bên ngoài (intruder01)"
    assert shown("22 ports on IPv4 and IPv6: all silent") == "22 cổng trên IPv4 và IPv6: tất cả không trả lời"


@pytest.mark.parametrize(
    "text", ["{0.__class__}", "{count} ports on {families}: all silent{", "x" * 9000, "", "…", "{"]
)
def test_what_is_not_ours_is_shown_as_it_is(text: str) -> None:
    """A record may hold a host's words: they are data, never a template."""
    assert shown(text) == text


def test_every_title_of_evidence_is_translated() -> None:
    titles = [item["what"] for path in PROFILES.glob("*.yml") for item in yaml.safe_load(path.read_text())["items"]]
    assert len(titles) >= 50
    assert [one for one in titles if title(one) == one] == []
    assert title("Memory of a process (4711)") == "Bộ nhớ của một tiến trình (4711)"
    assert title("unknown thing (x)") == "unknown thing (x)"


def test_no_sentence_hides_another() -> None:
    """The first that fits is taken: each must find itself when it is filled in."""
    for sentence in earlier():
        filled = sentence.replace("{", "").replace("}", "")
        assert shown(filled) != filled, sentence


def test_codes_are_one_word_each_and_all_have_words() -> None:
    families = (Side, Proof, Detail, Reason, Change, CaseTitle, *FAMILIES)
    codes = [str(code) for family in families for code in family]
    assert len(codes) == len(set(codes))
    assert templates().keys() == set(codes)
    assert [code for code in codes if not re.fullmatch("[a-z_-]+", code)] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"code": "pages_right", "count": 2}, "trang có đúng nội dung ở 2 địa chỉ"),
        ({"code": "pages_right"}, "trang có đúng nội dung ở ? địa chỉ"),
        ({"code": "of_a_later_release", "count": 2}, "of_a_later_release: count 2"),
        ({"code": "keys_of_file", "file": "{code.__class__}"}, None),
        ({"code": ["x"]}, "['x']"),
        ({}, ""),
        ([{"code": "silent"}, {"code": "silent"}], "không trả lời; không trả lời"),
        ("no_port_answers", "no_port_answers"),
    ],
)
def test_a_phrase_that_a_host_wrote_or_a_later_release_is_no_template(value: object, text: str | None) -> None:
    """A record may come from elsewhere: what it says is data, and a name that a host chose is no code."""
    assert shown(value) == text if text is not None else "{code.__class__}" in shown(value)


def test_a_phrase_without_end_is_cut() -> None:
    deep: dict[str, object] = phrase(Detail.SILENT)
    for _level in range(50):
        deep = phrase(Detail.PAGE_MAY_BE_CHANGED, page=deep)
    assert len(shown(deep)) < 1000
