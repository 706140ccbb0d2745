"""What the vault may do on a website host, and what the host may do to the vault: as little as a backup needs."""

from __future__ import annotations

ACCOUNT = "ungcuu-backup"


def effective(host, user=ACCOUNT, address="192.0.2.1"):
    """Effective sshd settings for a login."""
    said = host.check_output(f"sshd -T -C user={user},host=x,addr={address}")
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def test_vault_account_can_do_one_thing(host):
    """Whoever holds the vault's key must get the backup program, not a shell on the web server."""
    known = effective(host)
    expected = {
        "forcecommand": "sudo -n /usr/local/sbin/ungcuu-site vault",
        "allowtcpforwarding": "remote",
        "permitlisten": "127.0.0.1:18765",
        "permitopen": "none",
        "permittty": "no",
        "allowagentforwarding": "no",
        "allowstreamlocalforwarding": "no",
        "x11forwarding": "no",
        "authenticationmethods": "publickey",
        "authorizedkeysfile": "/etc/ssh/ungcuu-backup.keys",
    }
    assert {key: known.get(key) for key in expected} == expected


def test_others_get_no_more_by_it(host):
    """A Match block that leaked would open forwarding for every account."""
    assert effective(host, user="ungcuu").get("forcecommand") == "none"
    assert effective(host, user="ungcuu").get("permitlisten") == "any"


def test_vault_account_has_no_password_and_no_home(host):
    """Keys that the account could write itself would be a door that nobody looks at."""
    known = host.user(ACCOUNT)
    assert (known.password, known.home) == ("*", "/nonexistent")
    keys = host.file("/etc/ssh/ungcuu-backup.keys")
    assert (keys.user, keys.mode) == ("root", 0o644)


def test_vault_account_may_become_root_for_one_program_only(host):
    """Any argument left open in sudoers would be root for the vault's key."""
    said = host.check_output("grep -v '^#' /etc/sudoers.d/ungcuu-backup")
    rules = [line for line in said.splitlines() if line and not line.startswith("Defaults")]
    assert rules == ["ungcuu-backup ALL=(root) NOPASSWD: /usr/local/sbin/ungcuu-site vault"]


def test_program_is_root_s(host):
    """It runs as root at a stranger's request: nobody else may change it."""
    program = host.file("/usr/local/sbin/ungcuu-site")
    assert (program.user, program.group, program.mode) == ("root", "root", 0o755)


def test_no_credential_of_the_vault_rests_here(host):
    """An intruder who is root here must find nothing that opens the vault."""
    # Not "htpasswd": Apache's own configuration names such files, and a site may protect a folder with one.
    patterns = "RESTIC_PASSWORD|RESTIC_REPOSITORY|rest:https?://"
    found = host.run(f"grep -rlE --binary-files=without-match '{patterns}' /etc /root /var/lib/ungcuu 2>/dev/null")
    assert found.stdout.strip() == ""


def test_no_dump_is_left_behind(host):
    """A dump that stays is the whole database in one file."""
    folder = host.file("/var/lib/ungcuu")
    assert (folder.user, folder.mode) == ("root", 0o700)
    assert host.run("ls -A /var/lib/ungcuu/backup 2>/dev/null").stdout.strip() == ""


def test_nothing_listens_for_backups(host):
    """The tunnel's end may exist only while a backup runs."""
    assert not host.socket("tcp://127.0.0.1:18765").is_listening
