"""What updates of the application leave on a host."""

from __future__ import annotations


def test_what_was_replaced_is_kept_out_of_reach(host):
    """It holds the website's configuration and a dump of its database: nobody but root may enter it."""
    folder = host.file("/var/lib/ungcuu/update")
    if folder.exists:
        assert (folder.user, folder.mode) == ("root", 0o700)


def test_nothing_that_was_sent_is_left(host):
    """A release that was never put in place would be put in place of a later one."""
    assert not host.file("/var/lib/ungcuu/update.tar").exists
