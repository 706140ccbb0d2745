"""What hardening takes as in use on a host: a server that is installed need not run."""

from __future__ import annotations

import pytest

from ungcuu.plugins.action import ungcuu_controls
from ungcuu.remote import survey


@pytest.mark.parametrize(
    ("active", "enabled", "expected"),
    [
        ("active", "enabled", "yes"),
        ("activating", "disabled", "yes"),
        ("", "", "yes"),  # nobody says so: no control is left out for that
        ("inactive", "disabled", "no"),
        ("failed", "masked", "no"),
        ("inactive", "enabled", "stopped"),
        ("failed", "enabled-runtime", "stopped"),
    ],
)
def test_a_server_that_does_not_run(monkeypatch: pytest.MonkeyPatch, active: str, enabled: str, expected: str) -> None:
    """Seen failing: MariaDB left behind by an earlier website; harden stopped half-way at its socket."""
    answers = {"is-active": active, "is-enabled": enabled}
    monkeypatch.setattr(survey, "said", lambda *argv: answers[argv[1]] + "\n")
    assert survey.in_use("mariadb") == expected
    assert survey.in_use("sshd") == "yes"


def test_units_are_named_by_their_form_alone() -> None:
    assert ungcuu_controls.stopped({"stopped": ["mariadb.service", "x; reboot", 7]}) == ["mariadb.service"]
    assert ungcuu_controls.stopped({}) == []
