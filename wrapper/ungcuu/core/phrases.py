"""What records hold in place of sentences: a code with its values. Words are made of it when it is shown.

1. In a record a phrase is ``{"code": "port_state", "address": …, "port": 80, …}``. Only a name and a side are a code
   alone: any other text in a record is a host's or a person's.
2. A value is a number, a text, a phrase, a text in each language (``{"en": …, "vi": …}``) or a list of them. Texts of
   hosts and of people are values, never templates.
3. A code keeps its meaning for good: records outlive releases. One that is no longer written stays here.
4. Those of checks, trials, controls and scans stand in :mod:`ungcuu.core.check_phrases`: a cut has no use for them.
5. :mod:`ungcuu.core.sentences` makes the words, and reads what records of the first format hold: English sentences.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from ungcuu.core.i18n import N_

Coded = dict[str, Any]
# A text of a host or of a person, or a code: its words are made when it is shown.
TextOrCode = str | Coded | list[Coded]


class Worded(StrEnum):
    """A code with its words in English, the message id of the catalogue: ``CODE = "code", N_("words")``."""

    words: str

    def __new__(cls, code: str, words: str = "") -> Self:
        """Make the text that records hold; the words go with it."""
        member = str.__new__(cls, code)
        member._value_, member.words = code, words
        return member


class Side(Worded):
    """From where something was tried."""

    CONTROLLER = "controller", N_("from the controller")
    OUTSIDE = "outside", N_("from outside")
    INSIDE = "inside", N_("on the host")
    HOST = "host", N_("on the host")
    MANAGEMENT = "management", N_("from management")


class Proof(Worded):
    """What was tried."""

    NO_PORT_ANSWERS = "no_port_answers", N_("no port answers")
    NOTHING_GETS_OUT = "nothing_gets_out", N_("nothing gets out")
    DNS_DEAD = "dns_dead", N_("DNS is dead")
    SESSIONS_DEAD = "sessions_dead", N_("sessions of others are dead")
    SITE_WORKS_INSIDE = "site_works_inside", N_("the site works inside")
    SITE_SERVES = "site_serves", N_("the site serves")
    NOTICE_SHOWN = "notice_shown", N_("visitors get the notice")
    SSH_CLOSED = "ssh_closed", N_("SSH is closed to others")
    MANAGEMENT_GETS_IN = "management_gets_in", N_("management gets in")
    OUTLASTS_RESTART = "outlasts_restart", N_("it outlasts a restart")
    RULES_HELD = "rules_held", N_("the kernel holds the rules")
    DEVICES_CLOSED = "devices_closed", N_("network devices are closed")
    NEIGHBOURS_FIXED = "neighbours_fixed", N_("neighbours are fixed")
    ALLOWED_SESSIONS = "allowed_sessions", N_("sessions of the allow-list")
    OWN_KEYS_ONLY = "own_keys_only", N_("only the responders' keys log in")
    WEBSITE_HEALTH = "website_health", N_("website health")
    WEBSITE_TRIAL = "website_trial", N_("website: {trial}")
    MANIFEST = "manifest", N_("manifest")
    LINKS = "links", N_("links")
    PROGRAMS = "programs_in_writable_folders", N_("programs in writable folders")
    MODES = "files_that_anyone_may_write", N_("files that anyone may write")
    SYNTAX = "php_syntax", N_("PHP syntax")
    IMPORT = "database_import", N_("database import")
    FILE_HASHES = "file_hashes", N_("every file's hash")
    TABLE_ROWS = "table_rows", N_("every table's rows")
    RESTORE_DRILL = "restore_drill", N_("restore drill")
    RECOVERY_TIME = "recovery_time", N_("recovery time")
    BACKUP_BEFORE_PATCH = "backup_before_patch", N_("backup before patch")
    PATCH_PLAN_KEPT = "patch_plan_kept", N_("patch plan kept")
    BASELINE_FOR_VAULT = "baseline_for_the_vault", N_("baseline for the vault")
    NEW_DATABASE_PASSWORD = "new_database_password", N_("new database password opens the database")
    OLD_DATABASE_PASSWORD = "old_database_password", N_("old database password is dead")
    OLD_SESSIONS = "old_sessions", N_("old sessions are dead")
    OLD_ADMINISTRATORS = "old_administrators", N_("old passwords of administrators are dead")
    APPLICATION_PASSWORDS = "application_passwords", N_("application passwords are dead")
    OLD_PASSWORD = "old_password", N_("old password of {account} is dead")
    OLD_KEYS = "old_keys", N_("old keys of {account} are dead")


class Detail(Worded):
    """What was seen, or why nobody could look."""

    ADDRESS_NOT_ALLOWED = "address_not_allowed", N_("the allow-list does not hold the address we come from")
    CUT_ENDED_EARLY = "cut_ended_early", N_("it ended before it asked for the rules: {said}")
    CUT_NEVER_ASKED = "cut_never_asked", N_("it lets us in, but did not ask for the rules for {seconds} s")
    CUT_WITHOUT_END = "cut_without_end", N_("it answers without end and does not ask for the rules")
    NAME_UNRESOLVED = "name_unresolved", N_("the name {name} in the allow-list resolves to no address")
    RULES_NOT_LOADED = "rules_not_loaded", N_("the host could not load the rules: {said}")
    RULES_REFUSED = "rules_refused", N_("nft refused the rules: {said}")
    RULES_TORN = "rules_torn", N_("the rules did not arrive whole: {said}")
    SNAPSHOT_PARTIAL = "snapshot_partial", N_("without a whole snapshot: the host did not come to its end")
    ADDRESSES_ANSWER = "addresses_answer", N_("{addresses} answers")
    BOTH_FAMILIES = "both_families", N_("IPv4 and IPv6")
    CARD_MISSING = "card_missing", N_("there is no containment card: ungcuu enrol {host}")
    DEVICES_HOOKED = "devices_hooked", N_("the host says: {closed} of {count} devices")
    DEVICES_OPEN = "devices_open", N_("NOT closed: {names}")
    DNS_ASKED = "dns_asked", N_("{count} servers asked, {answered} answered")
    FAMILIES = "on_families", N_("no port answers on {families}")
    FIRST_TIME = "first_time", N_("the first time")
    HOOKS_OFF = "hooks_off", N_("not closed: isolation_device_hooks is false; raw packets and macvlan devices pass")
    HOST_MAY_BE_OFF = "host_may_be_off", N_("not proven: SSH does not answer either, so the host may be off")
    JUMP_HOST = "jump_host", N_("not proven: it is reached through a jump host, not from here")
    KERNEL_NOT_READ = "kernel_not_read", N_("not read {when}: the host's Python gave no answer")
    KEY_CHANGED = "key_changed", N_("its host key has changed since it was enrolled")
    KEY_NOT_PINNED = "key_not_pinned", N_("its host key isn't pinned")
    KEYS_OF_ACCOUNTS = "keys_of_accounts", N_("sshd reads other keys for {accounts}")
    KEYS_OF_FILE = "keys_of_file", N_("{file} holds other keys")
    KEYS_OURS = "keys_ours", N_("the host says: {count} keys, for every account but the vault's")
    KEYS_UNRESTRICTED = "keys_unrestricted", N_("not restricted: every key that the host knows")
    LATER = "later", N_("{seconds} s after the first time")
    LEFT_OPEN = (
        "left_open",
        N_(
            "left open: SSH of the allow-list; ARP, neighbour discovery and a broadcast for a DHCP lease on the own "
            "segment; programs with root can still hear raw packets"
        ),
    )
    NAMESPACE = "namespace", N_("{name} ({programs})")
    NAMESPACES = "namespaces", N_("{count} other network namespaces: {names}")
    NEIGHBOURS_LOOSE = "neighbours_loose", N_("not fixed: {names}")
    NEIGHBOURS_PINNED = "neighbours_pinned", N_("the host says: {names}")
    NEIGHBOURS_UNKNOWN = "neighbours_unknown", N_("behind a router or not heard of: {names}")
    NEW_CONNECTION = "new_connection", N_("over a new connection")
    NO_ADDRESS = "no_address", N_("no address")
    NO_ADDRESS_TO_TRY = "no_address_to_try", N_("no address to try")
    NO_OUTSIDE_ADDRESS = "no_outside_address", N_("no outside address to try")
    NO_PROGRAM = "no_program", N_("no program")
    NO_VANTAGE = "no_vantage", N_("not proven from outside: the inventory names no second machine (isolation_vantage)")
    NOBODY = "nobody", N_("nobody")
    NONE = "none", N_("none")
    NOTICES_RIGHT = "notices_right", N_("status {status} at {count} addresses")
    PAGE_AT = "page_at", N_("{address}: {page}")
    PAGE_MAY_BE_CHANGED = "page_may_be_changed", N_("{page}: the intruder may have changed it")
    PAGE_NONE = "page_none", N_("no answer")
    PAGE_RIGHT = "page_right", N_("status {status}, with its text")
    PAGE_WRONG = "page_wrong", N_("status {status}, without its text")
    PAGES_RIGHT = "pages_right", N_("the page holds its text at {count} addresses")
    PINS_OFF = "pins_off", N_("not fixed: isolation_pin_neighbours is false")
    PORT_ANSWERED = "port_answered", N_("it answers")
    PORT_OPEN = "port_open", N_("it accepts connections")
    PORT_REFUSED = "port_refused", N_("it refuses connections")
    PORT_STATE = "port_state", N_("{address} port {port}: {state}")
    PORTS_ALIVE = "ports_alive", N_("{count} ports on {families}: {alive}")
    PORTS_SILENT = "ports_silent", N_("{count} ports on {families}: all silent")
    PROBE_SILENT = "probe_silent", N_("no answer from the probe")
    PYTHON_BROKEN = "python_broken", N_("not proven: the host's Python does not work")
    RULES_DIFFER = "rules_differ", N_("the host says, {when}: {differences}")
    RULES_IN_MEMORY = "rules_in_memory", N_("the rules are kept in memory alone: the host's disk takes no file")
    RULES_WHOLE = "rules_whole", N_("the host says, {when}: all {count} rules, whole")
    SESSIONS_FROM = "sessions_from", N_("the host says: SSH from {peers}")
    SESSIONS_MOVED = "sessions_moved", N_("{open} open, {moving} of them moved bytes within a second")
    SILENT = "silent", N_("silent")
    SSHD_SILENT = "sshd_silent", N_("sshd gave no answer")
    TRIED_OUT = "tried_out", N_("{count} connections to outside tried, {escaped} got out")
    UNIT_ENABLED = "unit_enabled", N_("the unit that loads the rules is enabled")
    UNIT_NOT_ENABLED = "unit_not_enabled", N_("the unit that loads the rules is not enabled")
    UNSENT = "unsent", N_("not proven: no packet could be sent on {families}")
    VANTAGE_LOGS_IN = (
        "vantage_logs_in",
        N_("not proven: {host} may log in itself; name another machine as isolation_vantage"),
    )
    VANTAGE_REFUSED = "vantage_refused", N_("not proven: {host} could not be asked ({why})")
    VANTAGE_SILENT = "vantage_silent", N_("not proven: {host} gave no answer")
    SAID = "said", N_("“{text}”")
    XDP_BELOW = "xdp_below", N_("an XDP program sits below the rules of {names}")


class Reason(Worded):
    """Why an item of evidence is not there, or not whole."""

    COMMAND_EMPTY = "command_empty", N_("the command ran and had nothing to say")
    CONNECTION_ENDED = "connection_ended", N_("the connection ended: {why}")
    ENDING_UNSAID = "ending_unsaid", N_("the host did not say how the command ended")
    EXIT_STATUS = "exit_status", N_("exit status {status}: {why}")
    EXIT_STATUS_ALONE = "exit_status_alone", N_("exit status {status}")
    NOT_ON_HOST = "not_on_host", N_("not on this host")
    OVER_BYTES = "over_bytes", N_("over its {bytes} bytes")
    OVER_SECONDS = "over_seconds", N_("over its {seconds} s")
    OVER_SECONDS_UNSTOPPED = "over_seconds_unstopped", N_("over its {seconds} s, and the host did not stop it itself")
    PROGRAM_MISSING = "program_missing", N_("a program that it needs is not on this host")


class Change(Worded):
    """What a change is of (``what``), or what was done (``action``). Roles write the values too."""

    ISOLATION = "isolation", N_("isolation")
    HOST_KEY = "host_key", N_("host key")
    CARD = "containment_card", N_("containment card")
    BASELINE = "baseline", N_("baseline")
    FILE = "file", N_("file")
    SERVICE = "service", N_("service")
    PACKAGE = "package", N_("package")
    PACKAGE_REMOVED = "package_removed", N_("package removed")
    LOCKED = "locked", N_("locked")
    NOT_LOCKED = "not_locked", N_("not locked")
    UNLOCKED = "unlocked", N_("unlocked")
    UNBLOCKED = "unblocked", N_("unblocked")
    PUT_BACK = "put_back", N_("put back")
    DATABASE_RIGHTS = "database_rights", N_("database rights")
    CODE_TAKEN = "code_taken", N_("code taken from the pool user")
    CODE_GIVEN_BACK = "code_given_back", N_("code given back to the pool user")
    FOLDERS_OPENED = "folders_opened", N_("folders opened to the pool user")
    RULES_LEFT_OUT = "rules_left_out", N_("firewall rules left out, because they refuse the website's own trials")
    CONTROLS_REVERTED = "controls_reverted", N_("controls reverted, because they break the website")
    RESTORE = "restore", N_("restore")
    ROTATE = "rotate", N_("rotate")
    CHOOSE_POINT = "choose_restore_point", N_("choose restore point")
    ACCEPT_POINT = "accept_restore_point", N_("accept restore point")
    LAST_PROVEN = "last_proven_restore", N_("last proven restore")
    INSTALL = "install", N_("install")
    UPGRADE = "upgrade", N_("upgrade")
    APPLICATION_UPDATE = "application_update", N_("application update")
    APPLICATION_ROLLBACK = "application_rollback", N_("application rollback")
    BASELINE_RENEWED = "baseline_renewed", N_("baseline renewed")
    BASELINE_NOT_RENEWED = "baseline_not_renewed", N_("baseline not renewed")
    RELEASE_NOTED = "release_noted", N_("release noted")


class CaseTitle(Worded):
    """What a case is called that nobody gave a title.

    ``title`` is the message id of what was found; of a scenario, its title in each language.
    """

    FOUND = "case_found", N_("{title}: {place}")
    ISOLATED = "case_isolated", N_("Isolation of the host was ordered")
    SCENARIO = "case_scenario", N_("Drill: {title}")


def code_of(value: object) -> str:
    """Return the code of a change; the first format wrote the same words with spaces."""
    return str(value or "").replace(" ", "_")


def phrase(code: StrEnum, /, **values: object) -> Coded:
    """Return the phrase as a record holds it."""
    return {"code": str(code), **values}
