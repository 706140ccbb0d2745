"""What restores leave on a host."""

from __future__ import annotations


def test_what_was_live_is_kept_out_of_reach(host):
    """The compromised tree is evidence, and full of the intruder's programs: nobody but root may enter it."""
    for path in ("/var/lib/ungcuu/compromised", "/var/lib/ungcuu/restore"):
        folder = host.file(path)
        if folder.exists:
            assert (folder.user, folder.mode) == ("root", 0o700), path


def test_import_account_is_gone(host):
    """The account that imports dumps may set any definer: it must not outlive an import."""
    if not host.service("mariadb").is_running:
        return
    assert host.check_output("mariadb -Ne \"SELECT COUNT(*) FROM mysql.user WHERE user='ungcuu_import'\"") == "0"
