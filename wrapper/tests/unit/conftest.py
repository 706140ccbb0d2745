"""Lets the unit tests use the helpers beside them; and no test may see a record written that holds a sentence."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# 500 examples for each property in an ordinary run, 10,000 in ./check nightly. No example is kept in the tree.
for _name, _most in (("few", 40), ("ci", 500), ("nightly", 10_000)):
    settings.register_profile(
        _name, max_examples=_most, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(autouse=True)
def records_hold_codes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every record and every finding of a unit test is looked through, whoever writes it.

    Seen failing with a proof's detail as a sentence, and with a finding's ``seen`` as one.
    ``@pytest.mark.first_format`` is for tests that write what earlier releases wrote.
    """
    from record_sentences import guarded, sentences_in

    from ungcuu.case.journal import Journal
    from ungcuu.detect import comparison

    found: list[str] = []
    make = comparison.finding

    def finding(*arguments: Any, **rest: Any) -> Any:
        made = make(*arguments, **rest)
        found.extend(sentences_in({"expected": made.expected, "seen": made.seen}, made.rule))
        return made

    monkeypatch.setattr(comparison, "finding", finding)
    monkeypatch.setattr(Journal, "_append", guarded(Journal._append, found))
    yield
    if request.node.get_closest_marker("first_format") is None:
        assert not found, "a record holds a sentence instead of a code: " + "; ".join(found[:5])
