"""What a drill does on its hosts is done with the rights that an intruder of the website has."""

from __future__ import annotations

from unittest import mock

from ungcuu.drill import stage
from ungcuu.drill.simulation import load


def test_the_connection_outwards_belongs_to_the_website_s_account() -> None:
    """As root it made each host one where root was lost, which no response undoes. Seen failing before."""
    lab = mock.Mock()
    lab.address.return_value = "198.51.100.2"
    one = stage.Stage(lab, load("webshell"), {})
    with mock.patch.object(one, "execute") as execute, mock.patch.object(stage, "eventually"):
        one.hold_sessions({"held", "outward"})
    started = [call.args[:2] for call in execute.call_args_list]
    (host, words), *others = [row for row in started if "call" in row[1]]
    assert (host, words[:4], others) == (one.host, ["runuser", "-u", "portal", "--"], [])
