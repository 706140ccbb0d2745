"""Whether evidence could be taken from this host, and whether taking it has left anything behind."""

from __future__ import annotations

from testinfra.host import Host


def test_the_host_can_give_a_read_only_view(host: Host) -> None:
    """Without it the collector could change access times, and a slip in a profile could write to the disk."""
    script = "mount -o remount,bind,ro,noatime / && grep -q ' / / ro,' /proc/self/mountinfo && ! touch /ungcuu-left"
    done = host.run("unshare --mount --propagation private sh -c %s", script)
    assert done.rc == 0, done.stderr


def test_the_view_is_gone_afterwards(host: Host) -> None:
    """A mount that stayed read-only would stop the site: the view must live in the collector's namespace alone."""
    options = host.check_output("awk '$5 == \"/\" {print $6; exit}' /proc/1/mountinfo")
    assert options.split(",")[0] == "rw"


def test_nothing_of_the_collector_is_left(host: Host) -> None:
    """A leftover would be mistaken for the intruder's, or be read by the intruder."""
    assert host.check_output("find / -xdev -name '*ungcuu-left*' -o -xdev -name '.partial-*' 2>/dev/null || true") == ""


def test_what_the_collector_needs_is_there(host: Host) -> None:
    """Items whose tool is missing are MISSING, on the day when they are needed most."""
    needed = [
        "tar",
        "find",
        "timeout",
        "stat",
        "dd",
        "unshare",
        "mount",
        "ss",
        "ip",
        "ps",
        "nft",
        "journalctl",
        "systemctl",
    ]
    assert [tool for tool in needed if not host.exists(tool)] == []
