"""The proof from outside that ends a release: what a vantage may log in to, it can't see closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plugin_runs
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
HOST, VANTAGE = "198.51.100.5", "198.51.100.3"


def proven(allowed: list[str], state: str, **variables: Any) -> dict[str, Any]:
    """Take the proof: the vantage sees SSH in this state."""
    known = {"ansible_host": VANTAGE, "ansible_user": "ungcuu", "ungcuu_known_hosts": "/nowhere"}
    arguments = {"prove": "served from outside", "addresses": [HOST], "ports": [22], "vantage": "other01"}
    answer = {"ports": [{"address": HOST, "port": 22, "state": state}]}
    host = plugin_runs.answering(lambda _order: answer)
    hostvars = {"other01": known}
    return plugin_runs.run("ungcuu_probe", arguments | {"allowed": allowed}, host, hostvars=hostvars, **variables)


@pytest.mark.parametrize(
    ("allowed", "variables"),
    [([], {"website_vault_host": "other01"}), ([f"{VANTAGE}/32"], {}), (["198.51.100.0/28"], {})],
)
def test_a_vantage_that_may_log_in_does_not_fail_the_release(allowed: list[str], variables: dict[str, str]) -> None:
    """The vault is the vantage of every site that `init` makes, and the firewall lets it in: no release ended well.

    Seen failing without `_logs_in`.
    """
    result = proven(allowed, "open", **variables)
    (row,) = result["proofs"]
    assert not result["failed"] and (row["name"], row["passed"]) == ("ssh_closed", None)
    assert row["detail"] == {"code": "vantage_logs_in", "host": "other01"}


@pytest.mark.parametrize(("state", "failed"), [("open", True), ("silent", False)])
@pytest.mark.parametrize("allowed", [[], ["198.51.100.1"], ["no-such-name.invalid"]])
def test_a_stranger_must_see_it_closed(allowed: list[str], state: str, failed: bool) -> None:
    """A released host whose SSH is open to everybody is what an intruder waits for."""
    assert proven(allowed, state)["failed"] is failed


def test_the_release_says_who_may_log_in() -> None:
    """Without the list, a responder's machine as the vantage would fail the release."""
    tasks = yaml.safe_load((ROOT / "roles/isolation/tasks/prove_release.yml").read_text("utf-8"))
    (outside,) = [one["ungcuu_probe"] for one in tasks if one.get("ungcuu_probe", {}).get("vantage")]
    assert outside["allowed"] == "{{ isolation_management + isolation_vault_addresses }}"
