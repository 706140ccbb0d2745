"""Whose socket it is that takes connections: what the reader says of one that this test holds."""

from __future__ import annotations

import os
import socket
from typing import Any
from unittest import mock

from ungcuu.detect.records import checked
from ungcuu.remote.host_state import processes, running


def test_a_listener_comes_with_the_unit_that_holds_its_socket() -> None:
    """Seen failing: any program at a website's port passed for the notice while the notice ran somewhere.

    Seen failing where one descriptor that was closed meanwhile (here the listing's own) hid all sockets.
    """
    seen: list[dict[str, Any]] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        mock.patch.object(running, "emit", lambda kind, **row: seen.append({"k": kind, **row})),
        mock.patch.object(processes, "unit_path", lambda pid: "/pod/init.scope" if pid == 1 else f"/pod/{pid}.service"),
    ):
        running.listeners()
        port = server.getsockname()[1]
    (own,) = [row for row in seen if (row["address"], row["port"], row["proto"]) == ("127.0.0.1", port, "tcp")]
    assert own["unit"] == f"{os.getpid()}.service"


def test_a_listener_of_an_older_baseline_stays_valid() -> None:
    assert checked(b'{"k":"listener","proto":"tcp","address":"::","port":80,"exe":"/usr/sbin/nginx","uid":0}')
