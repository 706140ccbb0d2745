"""What a host states reaches a record as a code of ours with bounded values, or quoted: never as our own word."""

from __future__ import annotations

import pytest

from ungcuu.core.check_phrases import FROM_CHECKS, FROM_TRIALS, Check
from ungcuu.core.heard import heard
from ungcuu.core.phrases import Detail, phrase
from ungcuu.core.sentences import plain, shown
from ungcuu.plugins.filter.phrases import ungcuu_heard_proofs, ungcuu_heard_reasons, ungcuu_words


def said(text: str) -> dict[str, object]:
    return phrase(Detail.SAID, text=text)


@pytest.mark.parametrize(
    ("stated", "recorded"),
    [
        ({"code": "rows", "count": 3, "tables": 2}, {"code": "rows", "count": 3, "tables": 2}),
        ("no port answers", said("no port answers")),
        ({"code": "rules_whole", "count": 9}, said("{'code': 'rules_whole', 'count': 9}")),
        ({"code": "named", "names": ["a\x1b[2J"]}, {"code": "named", "names": ["a\\x1b[2J"]}),
        ({"code": "named", "Names": 1, "names": None}, {"code": "named", "names": None}),
        ("", {}),
        (None, {}),
        ([{"code": "none"}, "x"], [{"code": "none"}, said("x")]),
    ],
)
def test_only_codes_that_a_program_there_may_write_are_taken(stated: object, recorded: object) -> None:
    """Seen failing with every code allowed: a restored host then "proved" the rules of its isolation."""
    assert heard(stated, FROM_CHECKS) == recorded


def test_what_a_host_states_has_an_end() -> None:
    deep: dict[str, object] = {"code": "trial_too_large"}
    for _level in range(40):
        deep = {"code": "trial_too_large", "why": deep}
    assert len(str(heard(deep, FROM_TRIALS))) < 1500
    wide = heard({"code": "named", "names": ["x" * 9000] * 900}, FROM_CHECKS)
    assert len(str(wide)) < 20_000


def test_a_host_proves_nothing_from_elsewhere_and_nothing_of_another_name() -> None:
    """Seen failing with the rows handed on as they came: the host wrote a proof "from the controller"."""
    rows = [
        {"name": "manifest", "side": "controller", "vantage": "vault01", "passed": "yes", "detail": "all is well"},
        {"name": "cut off for good", "side": "host", "passed": True},
        "x",
        {
            "name": "links",
            "passed": False,
            "detail": {"code": "named", "names": ["a"]},
            "accepted": "linked on purpose",
        },
    ]
    assert ungcuu_heard_proofs(rows) == [
        {"name": "manifest", "side": "host", "passed": False, "detail": said("all is well")},
        {
            "name": "links",
            "side": "host",
            "passed": False,
            "detail": {"code": "named", "names": ["a"]},
            "accepted": "linked on purpose",
        },
    ]
    assert ungcuu_heard_proofs({"name": "manifest"}) == []


def test_a_vault_s_reasons_are_codes_or_quoted() -> None:
    rows = [{"id": "1", "reason": {"code": "point_damaged"}}, {"id": "2", "reason": "older vault"}]
    reasons = [row["reason"] for row in ungcuu_heard_reasons(rows)]
    assert reasons == [{"code": "point_damaged"}, said("older vault")]
    assert plain(reasons) == "it is damaged; “older vault”"


def test_words_of_a_playbook_s_message_are_english_whoever_runs_it() -> None:
    assert ungcuu_words(phrase(Check.ANSWER_UNREADABLE)) == "the probe gave no readable answer"
    assert shown(phrase(Check.NAMED_OF, names=["a", "b"], more=3)) == "a, b and 3 more"
