"""What a scan needs on the host, and that it leaves nothing there."""


def test_reader_can_run(host):
    """The reader runs in Python's isolated mode as root: without it, detection is blind."""
    answer = host.run("sudo -n python3 -I -S -c %s", "import hashlib, os, json; print(os.geteuid())")
    assert (answer.rc, answer.stdout.strip()) == (0, "0")


def test_dpkg_sums_are_there(host):
    """Without dpkg's own sums a replaced program can be found only by the baseline."""
    assert host.file("/var/lib/dpkg/info/openssh-server.md5sums").exists


def test_nothing_of_the_reader_stays(host):
    """A reader that leaves files would spoil evidence and show the intruder that he was seen."""
    left = host.run("find /tmp /var/tmp /dev/shm -maxdepth 1 -name '*host_state*' -o -maxdepth 1 -name 'ungcuu-scan*'")
    assert left.stdout.strip() == ""
