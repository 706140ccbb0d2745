"""The one thing that must hold whatever was locked: the management account still works."""

from __future__ import annotations

from testinfra.host import Host


def test_management_account_can_log_in(host: Host) -> None:
    """A responder who locks the own account out has lost the host."""
    with host.sudo():
        fields = host.check_output("getent shadow ungcuu").split(":")
        assert fields[7] in ("", "-1"), "the account has expired"
        keys = host.file("/home/ungcuu/.ssh/authorized_keys")
        assert keys.exists
        assert keys.user == "ungcuu"
