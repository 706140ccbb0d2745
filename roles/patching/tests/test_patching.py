"""A patched host: nothing half-done, sshd answering, no unit of ungcuu left at work."""

from __future__ import annotations


def test_no_package_is_half_done(host):
    """A half-configured package blocks every later security update."""
    assert host.check_output("dpkg --audit") == ""


def test_no_upgrade_waits_for_a_word(host):
    """A unit that still waits would undo the upgrade later, when nobody expects it."""
    assert host.check_output("systemctl show -p ActiveState --value ungcuu-patch.service") == "inactive"


def test_sshd_runs(host):
    """A library upgrade whose restart left sshd stopped would lock management out at the next login."""
    assert host.service("ssh").is_running


def test_kept_packages_are_not_for_everyone_to_replace(host):
    """The way back is installed as root: whoever could write there would own the host."""
    folder = host.file("/var/lib/ungcuu/patch")
    if folder.exists:
        assert (folder.user, folder.mode & 0o022) == ("root", 0)
