"""What dpkg says is installed."""

from __future__ import annotations

import pytest
from testinfra.host import Host

_UNNEEDED = (
    "telnet telnetd rsh-client rsh-server nis tftp talk xinetd openbsd-inetd prelink avahi-daemon cups rpcbind snmpd"
)


@pytest.mark.control("packages-unneeded")
def test_nothing_unneeded_is_installed(host: Host) -> None:
    """Each service that nobody uses is one more that somebody can attack."""
    said = host.run(f"dpkg-query -W -f '${{db:Status-Status}} ${{Package}}\\n' {_UNNEEDED} 2>/dev/null").stdout
    assert [line.split()[1] for line in said.splitlines() if line.startswith("installed ")] == []
