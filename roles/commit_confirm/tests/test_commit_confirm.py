"""What must be left of a confirmed change: nothing."""

from __future__ import annotations

from testinfra.host import Host


def test_no_change_waits_for_a_confirmation(host: Host) -> None:
    """A timer that nobody stopped would revert good settings while nobody looks."""
    assert host.run("ls /var/lib/ungcuu/armed 2>/dev/null").stdout.split() == []
    assert host.check_output("systemctl list-timers --all --no-legend 'ungcuu-revert-*'") == ""
