"""After a rotation: the configuration that holds the secrets is readable for the site only."""

from __future__ import annotations


def test_configuration_is_not_for_everybody(host):
    """A neighbour site on the same host must not read this one's database password."""
    config = host.file("/var/www/portal/wp-config.php")
    if config.exists:
        assert config.mode & 0o007 == 0
        assert config.user == "root"
