"""What is in quarantine must be harmless, and nobody but root may look at it."""

STORE = "/var/lib/ungcuu/quarantine"


def test_only_root_reads_the_quarantine(host):
    """A web shell in a folder that the website's user can read would be one include away from running again."""
    store = host.file(STORE)
    if store.exists:
        assert (store.user, store.group, store.mode) == ("root", "root", 0o700)


def test_nothing_in_quarantine_can_run(host):
    """A setuid copy that keeps its right is a way back to root."""
    found = host.run(f"find {STORE} -type f -name content -perm /7111 2>/dev/null")
    assert found.stdout.strip() == ""


def test_no_unit_starts_from_quarantine(host):
    """A mask that lost its file would let the unit's name be used again."""
    broken = host.run("systemctl list-units --all --plain --no-legend --state=not-found --state=active")
    assert STORE not in broken.stdout
