"""A rebuilt host: the website's account has no more rights than it had."""

from __future__ import annotations


def test_website_account_can_not_log_in(host):
    """Whoever takes over the website must not get a shell or a home folder with it."""
    known = host.user("portal")
    if known.exists:
        assert (known.shell, known.home) == ("/usr/sbin/nologin", "/nonexistent")
