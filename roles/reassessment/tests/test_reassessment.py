"""What must hold on any host that serves the public, whatever a scan said."""


def test_no_second_root(host):
    """A second account with number 0 is root under a name that nobody looks for."""
    rows = host.file("/etc/passwd").content_string.splitlines()
    assert [row.split(":")[0] for row in rows if row.split(":")[2:3] == ["0"]] == ["root"]


def test_no_library_is_forced_into_processes(host):
    """A preloaded library hides files and processes from every tool on the host."""
    preload = host.file("/etc/ld.so.preload")
    assert not preload.exists or preload.content_string.strip() == ""
