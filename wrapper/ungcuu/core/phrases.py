"""What records hold in place of sentences: a code with its values. Words are made of it when it is shown.

1. In a record a phrase is ``{"code": "port_state", "address": …, "port": 80, …}``. Only a name and a side are a code
   alone: any other text in a record is a host's or a person's.
2. A value is a number, a text, a phrase or a list of them. Texts of hosts and of people are values, never templates.
3. A code keeps its meaning for good: records outlive releases. One that is no longer written stays here.
4. :mod:`ungcuu.core.sentences` makes the words, and reads what records of the first format hold: English sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ungcuu.core.i18n import N_

Coded = dict[str, Any]


class Side(StrEnum):
    """From where something was tried."""

    CONTROLLER = "controller"
    OUTSIDE = "outside"
    INSIDE = "inside"
    HOST = "host"
    MANAGEMENT = "management"


class Proof(StrEnum):
    """What was tried."""

    NO_PORT_ANSWERS = "no_port_answers"
    NOTHING_GETS_OUT = "nothing_gets_out"
    DNS_DEAD = "dns_dead"
    SESSIONS_DEAD = "sessions_dead"
    SITE_WORKS_INSIDE = "site_works_inside"
    SITE_SERVES = "site_serves"
    NOTICE_SHOWN = "notice_shown"
    SSH_CLOSED = "ssh_closed"
    MANAGEMENT_GETS_IN = "management_gets_in"
    OUTLASTS_RESTART = "outlasts_restart"
    RULES_HELD = "rules_held"
    DEVICES_CLOSED = "devices_closed"
    NEIGHBOURS_FIXED = "neighbours_fixed"
    ALLOWED_SESSIONS = "allowed_sessions"
    OWN_KEYS_ONLY = "own_keys_only"


class Unrotated(StrEnum):
    """What a rotation left as it was: a person's work."""

    NO_PROFILE = "no_profile"
    DATABASE_PASSWORD = "password_of_database"  # noqa: S105  (the name of one)
    ADMINISTRATORS = "administrators"
    SOME_ADMINISTRATORS = "some_administrators"
    NOT_LISTED = "not_listed"
    SESSIONS = "sessions"
    KEPT = "kept"


class Breaks(StrEnum):
    """What no longer works after a rotation."""

    SESSIONS = "breaks_sessions"
    TOKENS = "breaks_tokens"
    RESET_LINKS = "breaks_reset_links"
    TWO_FACTOR = "breaks_two_factor"
    SAVED_FORMS = "breaks_saved_forms"


class Detail(StrEnum):
    """What was seen, or why nobody could look."""

    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    CUT_ENDED_EARLY = "cut_ended_early"
    CUT_NEVER_ASKED = "cut_never_asked"
    CUT_WITHOUT_END = "cut_without_end"
    NAME_UNRESOLVED = "name_unresolved"
    RULES_NOT_LOADED = "rules_not_loaded"
    RULES_REFUSED = "rules_refused"
    RULES_TORN = "rules_torn"
    SNAPSHOT_PARTIAL = "snapshot_partial"
    ADDRESSES_ANSWER = "addresses_answer"
    BOTH_FAMILIES = "both_families"
    CARD_MISSING = "card_missing"
    DEVICES_HOOKED = "devices_hooked"
    DEVICES_OPEN = "devices_open"
    DNS_ASKED = "dns_asked"
    FAMILIES = "on_families"
    FIRST_TIME = "first_time"
    HOOKS_OFF = "hooks_off"
    HOST_MAY_BE_OFF = "host_may_be_off"
    JUMP_HOST = "jump_host"
    KERNEL_NOT_READ = "kernel_not_read"
    KEY_CHANGED = "key_changed"
    KEY_NOT_PINNED = "key_not_pinned"
    KEYS_OF_ACCOUNTS = "keys_of_accounts"
    KEYS_OF_FILE = "keys_of_file"
    KEYS_OURS = "keys_ours"
    KEYS_UNRESTRICTED = "keys_unrestricted"
    LATER = "later"
    LEFT_OPEN = "left_open"
    NAMESPACE = "namespace"
    NAMESPACES = "namespaces"
    NEIGHBOURS_LOOSE = "neighbours_loose"
    NEIGHBOURS_PINNED = "neighbours_pinned"
    NEIGHBOURS_UNKNOWN = "neighbours_unknown"
    NEW_CONNECTION = "new_connection"
    NO_ADDRESS = "no_address"
    NO_ADDRESS_TO_TRY = "no_address_to_try"
    NO_OUTSIDE_ADDRESS = "no_outside_address"
    NO_PROGRAM = "no_program"
    NO_VANTAGE = "no_vantage"
    NOBODY = "nobody"
    NONE = "none"
    NOTICES_RIGHT = "notices_right"
    PAGE_AT = "page_at"
    PAGE_MAY_BE_CHANGED = "page_may_be_changed"
    PAGE_NONE = "page_none"
    PAGE_RIGHT = "page_right"
    PAGE_WRONG = "page_wrong"
    PAGES_RIGHT = "pages_right"
    PINS_OFF = "pins_off"
    PORT_ANSWERED = "port_answered"
    PORT_OPEN = "port_open"
    PORT_REFUSED = "port_refused"
    PORT_STATE = "port_state"
    PORTS_ALIVE = "ports_alive"
    PORTS_SILENT = "ports_silent"
    PROBE_SILENT = "probe_silent"
    PYTHON_BROKEN = "python_broken"
    RULES_DIFFER = "rules_differ"
    RULES_IN_MEMORY = "rules_in_memory"
    RULES_WHOLE = "rules_whole"
    SESSIONS_FROM = "sessions_from"
    SESSIONS_MOVED = "sessions_moved"
    SILENT = "silent"
    SSHD_SILENT = "sshd_silent"
    TRIED_OUT = "tried_out"
    UNIT_ENABLED = "unit_enabled"
    UNIT_NOT_ENABLED = "unit_not_enabled"
    UNSENT = "unsent"
    VANTAGE_LOGS_IN = "vantage_logs_in"
    VANTAGE_REFUSED = "vantage_refused"
    VANTAGE_SILENT = "vantage_silent"
    XDP_BELOW = "xdp_below"


class Reason(StrEnum):
    """Why an item of evidence is not there, or not whole."""

    COMMAND_EMPTY = "command_empty"
    CONNECTION_ENDED = "connection_ended"
    ENDING_UNSAID = "ending_unsaid"
    EXIT_STATUS = "exit_status"
    EXIT_STATUS_ALONE = "exit_status_alone"
    NOT_ON_HOST = "not_on_host"
    OVER_BYTES = "over_bytes"
    OVER_SECONDS = "over_seconds"
    OVER_SECONDS_UNSTOPPED = "over_seconds_unstopped"
    PROGRAM_MISSING = "program_missing"


class Change(StrEnum):
    """What a change is of (``what``), or what was done (``action``). Roles write the values too."""

    ISOLATION = "isolation"
    HOST_KEY = "host_key"
    CARD = "containment_card"
    BASELINE = "baseline"
    FILE = "file"
    SERVICE = "service"
    PACKAGE = "package"
    PACKAGE_REMOVED = "package_removed"
    LOCKED = "locked"
    NOT_LOCKED = "not_locked"
    UNLOCKED = "unlocked"
    UNBLOCKED = "unblocked"
    PUT_BACK = "put_back"
    DATABASE_RIGHTS = "database_rights"
    CODE_TAKEN = "code_taken"
    CODE_GIVEN_BACK = "code_given_back"
    FOLDERS_OPENED = "folders_opened"
    RULES_LEFT_OUT = "rules_left_out"
    CONTROLS_REVERTED = "controls_reverted"
    RESTORE = "restore"
    ROTATE = "rotate"
    CHOOSE_POINT = "choose_restore_point"
    ACCEPT_POINT = "accept_restore_point"
    LAST_PROVEN = "last_proven_restore"
    INSTALL = "install"
    UPGRADE = "upgrade"


WORDS: Mapping[str, str] = {
    Side.CONTROLLER: N_("from the controller"),
    Side.OUTSIDE: N_("from outside"),
    Side.INSIDE: N_("on the host"),
    Side.HOST: N_("on the host"),
    Side.MANAGEMENT: N_("from management"),
    Proof.NO_PORT_ANSWERS: N_("no port answers"),
    Proof.NOTHING_GETS_OUT: N_("nothing gets out"),
    Proof.DNS_DEAD: N_("DNS is dead"),
    Proof.SESSIONS_DEAD: N_("sessions of others are dead"),
    Proof.SITE_WORKS_INSIDE: N_("the site works inside"),
    Proof.SITE_SERVES: N_("the site serves"),
    Proof.NOTICE_SHOWN: N_("visitors get the notice"),
    Proof.SSH_CLOSED: N_("SSH is closed to others"),
    Proof.MANAGEMENT_GETS_IN: N_("management gets in"),
    Proof.OUTLASTS_RESTART: N_("it outlasts a restart"),
    Proof.RULES_HELD: N_("the kernel holds the rules"),
    Proof.DEVICES_CLOSED: N_("network devices are closed"),
    Proof.NEIGHBOURS_FIXED: N_("neighbours are fixed"),
    Proof.ALLOWED_SESSIONS: N_("sessions of the allow-list"),
    Proof.OWN_KEYS_ONLY: N_("only the responders' keys log in"),
    Reason.COMMAND_EMPTY: N_("the command ran and had nothing to say"),
    Reason.CONNECTION_ENDED: N_("the connection ended: {why}"),
    Reason.ENDING_UNSAID: N_("the host did not say how the command ended"),
    Reason.EXIT_STATUS: N_("exit status {status}: {why}"),
    Reason.EXIT_STATUS_ALONE: N_("exit status {status}"),
    Reason.NOT_ON_HOST: N_("not on this host"),
    Reason.OVER_BYTES: N_("over its {bytes} bytes"),
    Reason.OVER_SECONDS: N_("over its {seconds} s"),
    Reason.OVER_SECONDS_UNSTOPPED: N_("over its {seconds} s, and the host did not stop it itself"),
    Reason.PROGRAM_MISSING: N_("a program that it needs is not on this host"),
    Change.ISOLATION: N_("isolation"),
    Change.HOST_KEY: N_("host key"),
    Change.CARD: N_("containment card"),
    Change.BASELINE: N_("baseline"),
    Change.FILE: N_("file"),
    Change.SERVICE: N_("service"),
    Change.PACKAGE: N_("package"),
    Change.PACKAGE_REMOVED: N_("package removed"),
    Change.LOCKED: N_("locked"),
    Change.NOT_LOCKED: N_("not locked"),
    Change.UNLOCKED: N_("unlocked"),
    Change.UNBLOCKED: N_("unblocked"),
    Change.PUT_BACK: N_("put back"),
    Change.DATABASE_RIGHTS: N_("database rights"),
    Change.CODE_TAKEN: N_("code taken from the pool user"),
    Change.CODE_GIVEN_BACK: N_("code given back to the pool user"),
    Change.FOLDERS_OPENED: N_("folders opened to the pool user"),
    Change.RULES_LEFT_OUT: N_("firewall rules left out, because they refuse the website's own trials"),
    Change.CONTROLS_REVERTED: N_("controls reverted, because they break the website"),
    Change.RESTORE: N_("restore"),
    Change.ROTATE: N_("rotate"),
    Change.CHOOSE_POINT: N_("choose restore point"),
    Change.ACCEPT_POINT: N_("accept restore point"),
    Change.LAST_PROVEN: N_("last proven restore"),
    Change.INSTALL: N_("install"),
    Change.UPGRADE: N_("upgrade"),
    Unrotated.NO_PROFILE: N_("the website: there is no profile for {application}, so its secrets are not known"),
    Unrotated.DATABASE_PASSWORD: N_("the database password: the profile does not say where it stands"),
    Unrotated.ADMINISTRATORS: N_("passwords of the application's administrators: not in the profile"),
    Unrotated.SOME_ADMINISTRATORS: N_("{count} administrators: a name that can't be handled, or too many of them"),
    Unrotated.NOT_LISTED: N_(
        "passwords of the application's administrators: the database refused the password that the configuration "
        "states; type the command again"
    ),
    Unrotated.SESSIONS: N_("sessions of the application: the profile does not say how they end"),
    Unrotated.KEPT: N_("{name}: only a person can replace it, in the application"),
    Breaks.SESSIONS: N_("everybody has to log in again"),
    Breaks.TOKENS: N_("programs need new passwords or keys for the application"),
    Breaks.RESET_LINKS: N_("links for a new password that were sent by mail are dead"),
    Breaks.TWO_FACTOR: N_("second factors of logins have to be set up again"),
    Breaks.SAVED_FORMS: N_("forms that were open in a browser have to be filled in again"),
    Detail.ADDRESS_NOT_ALLOWED: N_("the allow-list does not hold the address we come from"),
    Detail.CUT_ENDED_EARLY: N_("it ended before it asked for the rules: {said}"),
    Detail.CUT_NEVER_ASKED: N_("it lets us in, but did not ask for the rules for {seconds} s"),
    Detail.CUT_WITHOUT_END: N_("it answers without end and does not ask for the rules"),
    Detail.NAME_UNRESOLVED: N_("the name {name} in the allow-list resolves to no address"),
    Detail.RULES_NOT_LOADED: N_("the host could not load the rules: {said}"),
    Detail.RULES_REFUSED: N_("nft refused the rules: {said}"),
    Detail.RULES_TORN: N_("the rules did not arrive whole: {said}"),
    Detail.SNAPSHOT_PARTIAL: N_("without a whole snapshot: the host did not end it in time"),
    Detail.ADDRESSES_ANSWER: N_("{addresses} answers"),
    Detail.BOTH_FAMILIES: N_("IPv4 and IPv6"),
    Detail.CARD_MISSING: N_("there is no containment card: ungcuu enrol {host}"),
    Detail.DEVICES_HOOKED: N_("the host says: {closed} of {count} devices"),
    Detail.DEVICES_OPEN: N_("NOT closed: {names}"),
    Detail.DNS_ASKED: N_("{count} servers asked, {answered} answered"),
    Detail.FAMILIES: N_("no port answers on {families}"),
    Detail.FIRST_TIME: N_("the first time"),
    Detail.HOOKS_OFF: N_("not closed: isolation_device_hooks is false; raw packets and macvlan devices pass"),
    Detail.HOST_MAY_BE_OFF: N_("not proven: SSH does not answer either, so the host may be off"),
    Detail.JUMP_HOST: N_("not proven: it is reached through a jump host, not from here"),
    Detail.KERNEL_NOT_READ: N_("not read {when}: the host's Python gave no answer"),
    Detail.KEY_CHANGED: N_("its host key has changed since it was enrolled"),
    Detail.KEY_NOT_PINNED: N_("its host key isn't pinned"),
    Detail.KEYS_OF_ACCOUNTS: N_("sshd reads other keys for {accounts}"),
    Detail.KEYS_OF_FILE: N_("{file} holds other keys"),
    Detail.KEYS_OURS: N_("the host says: {count} keys, for every account but the vault's"),
    Detail.KEYS_UNRESTRICTED: N_("not restricted: every key that the host knows"),
    Detail.LATER: N_("{seconds} s after the first time"),
    Detail.LEFT_OPEN: N_(
        "left open: SSH of the allow-list; ARP, neighbour discovery and a broadcast for a DHCP lease on the own "
        "segment; programs with root can still hear raw packets"
    ),
    Detail.NAMESPACE: N_("{name} ({programs})"),
    Detail.NAMESPACES: N_("{count} other network namespaces: {names}"),
    Detail.NEIGHBOURS_LOOSE: N_("not fixed: {names}"),
    Detail.NEIGHBOURS_PINNED: N_("the host says: {names}"),
    Detail.NEIGHBOURS_UNKNOWN: N_("behind a router or not heard of: {names}"),
    Detail.NEW_CONNECTION: N_("over a new connection"),
    Detail.NO_ADDRESS: N_("no address"),
    Detail.NO_ADDRESS_TO_TRY: N_("no address to try"),
    Detail.NO_OUTSIDE_ADDRESS: N_("no outside address to try"),
    Detail.NO_PROGRAM: N_("no program"),
    Detail.NO_VANTAGE: N_("not proven from outside: the inventory names no second machine (isolation_vantage)"),
    Detail.NOBODY: N_("nobody"),
    Detail.NONE: N_("none"),
    Detail.NOTICES_RIGHT: N_("status {status} at {count} addresses"),
    Detail.PAGE_AT: N_("{address}: {page}"),
    Detail.PAGE_MAY_BE_CHANGED: N_("{page}: the intruder may have changed it"),
    Detail.PAGE_NONE: N_("no answer"),
    Detail.PAGE_RIGHT: N_("status {status}, with its text"),
    Detail.PAGE_WRONG: N_("status {status}, without its text"),
    Detail.PAGES_RIGHT: N_("the page holds its text at {count} addresses"),
    Detail.PINS_OFF: N_("not fixed: isolation_pin_neighbours is false"),
    Detail.PORT_ANSWERED: N_("it answers"),
    Detail.PORT_OPEN: N_("it accepts connections"),
    Detail.PORT_REFUSED: N_("it refuses connections"),
    Detail.PORT_STATE: N_("{address} port {port}: {state}"),
    Detail.PORTS_ALIVE: N_("{count} ports on {families}: {alive}"),
    Detail.PORTS_SILENT: N_("{count} ports on {families}: all silent"),
    Detail.PROBE_SILENT: N_("no answer from the probe"),
    Detail.PYTHON_BROKEN: N_("not proven: the host's Python does not work"),
    Detail.RULES_DIFFER: N_("the host says, {when}: {differences}"),
    Detail.RULES_IN_MEMORY: N_("the rules are kept in memory alone: the host's disk takes no file"),
    Detail.RULES_WHOLE: N_("the host says, {when}: all {count} rules, whole"),
    Detail.SESSIONS_FROM: N_("the host says: SSH from {peers}"),
    Detail.SESSIONS_MOVED: N_("{open} open, {moving} of them moved bytes within a second"),
    Detail.SILENT: N_("silent"),
    Detail.SSHD_SILENT: N_("sshd gave no answer"),
    Detail.TRIED_OUT: N_("{count} connections to outside tried, {escaped} got out"),
    Detail.UNIT_ENABLED: N_("the unit that loads the rules is enabled"),
    Detail.UNIT_NOT_ENABLED: N_("the unit that loads the rules is not enabled"),
    Detail.UNSENT: N_("not proven: no packet could be sent on {families}"),
    Detail.VANTAGE_LOGS_IN: N_("not proven: {host} may log in itself; name another machine as isolation_vantage"),
    Detail.VANTAGE_REFUSED: N_("not proven: {host} could not be asked ({why})"),
    Detail.VANTAGE_SILENT: N_("not proven: {host} gave no answer"),
    Detail.XDP_BELOW: N_("an XDP program sits below the rules of {names}"),
}


def code_of(value: object) -> str:
    """Return the code of a change; the first format wrote the same words with spaces."""
    return str(value or "").replace(" ", "_")


def phrase(code: StrEnum, /, **values: object) -> Coded:
    """Return the phrase as a record holds it."""
    return {"code": str(code), **values}
