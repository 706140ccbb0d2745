"""Phrases of what checks, trials of the website, controls and scans saw; see :mod:`ungcuu.core.phrases` for the rules.

Programs on a host have the standard library alone: they write these codes as texts, and a test compares.
"""

from __future__ import annotations

from ungcuu.core.i18n import N_
from ungcuu.core.phrases import Detail, Worded


class Check(Worded):
    """What a check of the website, of a restore, a patch run or a rotation saw. Programs on a host write these too."""

    ANSWER_RIGHT = "answer_right", N_("status {status}, {bytes} bytes, expected phrase found, {milliseconds} ms")
    ANSWER_WRONG = (
        "answer_wrong",
        N_("status {status}, {bytes} bytes, expected phrase {found}, {milliseconds} ms in all"),
    )
    ANSWER_NONE = "answer_none", N_("no answer ({why}) after {tries} attempts")
    ANSWER_UNREADABLE = "answer_unreadable", N_("the probe gave no readable answer")
    FOUND = "found", N_("found")
    MISSING = "missing", N_("missing")
    TIMEOUT = "timeout", N_("timed out")
    CONNECTION_REFUSED = "connection_refused", N_("connection refused")
    TLS = "tls", N_("TLS failed")
    UNREACHABLE = "unreachable", N_("unreachable")
    NOT_HTTP = "not_http", N_("no HTTP")
    NAMED = "named", N_("{names}")
    NAMED_OF = "named_of", N_("{names} and {more} more")
    FILES_STAGED = "files_staged", N_("{part}: {staged} staged, {expected} in the restore point")
    FILES_AS_IN_POINT = "files_as_in_point", N_("{count} files as in the restore point")
    FILES_AS_IN_VAULT = "files_as_in_vault", N_("{count} files as in the vault")
    LINKS_INSIDE = "links_inside", N_("no link leaves the web root")
    LINKS_KNOWN = "links_known", N_("none but the {count} that the baseline knows")
    PROGRAMS_KNOWN = "programs_known", N_("none but the {count} that the baseline knows")
    NO_PHP = "no_php", N_("the site has no PHP")
    NO_PHP_COMMAND = "no_php_command", N_("not checked: there is no PHP command here")
    PARSER_STOPPED = "parser_stopped", N_("the parser stopped: {said}")
    PARSED = "parsed", N_("{count} programs parse")
    TABLES_IMPORTED = "tables_imported", N_("{count} tables in a scratch schema")
    TABLES_OTHER = "tables_other", N_("{count} tables, the restore point had {expected}")
    TREE_DIFFERS = "tree_differs", N_("the tree differs from the restore point")
    TABLES_DIFFER = "tables_differ", N_("the tables differ from the restore point")
    ROWS = "rows", N_("{count} rows in {tables} tables")
    DRILL = "drill", N_("{point} of {source} on {host}, RTO {rto} s, RPO {rpo} s")
    SECONDS = "seconds", N_("{seconds} s")
    POINT_AGE = "point_age", N_("newest restore point: {hours} hours old")
    POINT_AGE_UNKNOWN = "point_age_unknown", N_("newest restore point: not known")
    AS_PLANNED = "as_planned", N_("{packages} packages and {restarts} restarts as planned")
    PLANNED_OTHER = "planned_other", N_("{package}: planned {planned}, found {found}")
    PLANNED_RESTART = "planned_restart", N_("{unit}: restart planned, not seen")
    NOTHING = "nothing", N_("nothing")
    PASSWORDS_LEFT = "passwords_left", N_("{count} accounts still have some")
    BASELINE_TAMPERED = "baseline_tampered", N_("the baseline differs from what was signed")
    ACCOUNT_MANAGES = (
        "account_manages",
        N_("{account}: manages this host, or shares the user id of the account that does"),
    )
    ACCOUNT_LINKED = (
        "account_linked",
        N_("{account}: its folder of keys is a link; look where it leads, and replace the keys there by hand"),
    )
    ACCOUNT_UNREAD = "account_unread", N_("{account}: its keys can't be read; look at them, and replace them by hand")
    ACCOUNT_OTHER = (
        "account_other",
        N_("{account}: an unusual name, or one account too many; replace its password and its keys by hand"),
    )
    ACCOUNTS_MORE = "accounts_more", N_("{count} more accounts, too many to be named; look at them by hand")
    WEBSITE_WITHOUT_DATABASE = (
        "website_without_database",
        N_("the website: it has no database, and passwords in its own files are not known to ungcuu"),
    )


class Trial(Worded):
    """A trial of the website (its words are the name that people type), and how it failed."""

    HOME = "trial_home", N_("home page")
    STATIC = "trial_static", N_("pictures, styles, scripts")
    COOKIE = "trial_cookie", N_("3 KB cookie")
    CROWD = "trial_crowd", N_("20 visitors at once")
    DUMP = "trial_dump", N_("database dump")
    POLICY = "trial_policy", N_("content policy")
    ACCOUNT = "trial_account", N_("account")
    LOGIN = "trial_login", N_("login")
    ADMINISTRATION = "trial_administration", N_("administration")
    UPLOAD_SMALL = "trial_upload_small", N_("upload 3 KB")
    UPLOAD_LARGE = "trial_upload_large", N_("upload 2 MB")
    UPLOAD_MIDDLE = "trial_upload_middle", N_("upload 900 KB")
    MEDIA = "trial_media", N_("media page")
    POST = "trial_post", N_("post")
    RICH_TEXT = "trial_rich_text", N_("rich text")
    DELETE = "trial_delete", N_("delete")
    CLEAN_UP = "trial_clean_up", N_("clean-up")
    NEIGHBOUR = "trial_neighbour", N_("page of {page}")
    STATUS = "trial_status", N_("{what}: status {status}")
    STATUS_PLAIN = "status_plain", N_("status {status}")
    STATUS_CHANGES = "status_changes", N_("its status is another each time")
    NO_ANSWER = "trial_no_answer", N_("{what}: no answer ({why})")
    NO_PHRASE = "trial_no_phrase", N_("the home page lacks its phrase")
    SOME_VISITORS = "trial_some_visitors", N_("{bad} of {count} visitors got {statuses}")
    FEW_VISITORS = (
        "trial_few_visitors",
        N_("only {count}, one after the other: the website's own flood guard answers 429"),
    )
    DUMP_FAILED = "trial_dump_failed", N_("database dump: {said}")
    POLICY_REFUSES = "trial_policy_refuses", N_("the Content-Security-Policy refuses what pages load: {sources}")
    ACCOUNT_FAILED = "trial_account_failed", N_("the probe's account: {said}")
    STEP = "trial_step", N_("step {number}")
    ANSWER_TYPE = "trial_answer_type", N_("{what}: the answer is of the type {kind}")
    ANSWER_LACKS = "trial_answer_lacks", N_("{what}: the answer lacks {text}")
    ANSWER_HOLDS = "trial_answer_holds", N_("{what}: the answer still holds {text}")
    ANSWER_WITHOUT = "trial_answer_without", N_("{what}: the answer does not hold the {name}")
    NO_FIELD = "trial_no_field", N_("{what}: the page before has no form with the field {name}")
    LOGIN_REFUSED = "trial_login_refused", N_("the login was refused")
    NO_PICTURE = "trial_no_picture", N_("the uploaded picture is not served as a picture")
    TOO_LARGE = "trial_too_large", N_("2 MB is more than this website takes: {why}")
    NOT_LISTENING = "trial_not_listening", N_("nothing listens there: {said}")
    WORSE_STATUS = "trial_worse_status", N_("status {before} before, {now} now")
    WORSE_TITLE = "trial_worse_title", N_("it has another title")
    WORSE_PLACE = "trial_worse_place", N_("it sends visitors elsewhere: {place}")
    WORSE_LENGTH = "trial_worse_length", N_("less than half as long as before")


class Skip(Worded):
    """Why something was not set, or not looked at."""

    SHARED_POOL = "shared_pool", N_("not applicable: {unit} also runs {names}")
    NO_POOL = "no_pool", N_("not applicable: no PHP-FPM pool was found that runs the website")
    LOGIN_UNKNOWN = (
        "login_unknown",
        N_("not applicable: a login of this application can't be distinguished from its other requests"),
    )
    PAGES_LEFT = (
        "pages_left",
        N_("pages of other websites that were not looked at: nothing listens there, or there are too many"),
    )
    TURNED_OFF = "turned_off", N_("not tried: the website has it turned off")
    NO_TRIAL = "no_trial", N_("not tried: no profile says how an editor of this application works")
    KERNEL_KEEPS = (
        "kernel_keeps",
        N_("the kernel keeps these for itself (read-only here); they are set at the next boot of a real machine"),
    )
    NO_AUDIT_RULES = (
        "no_audit_rules",
        N_("the kernel does not let this host load audit rules (a container); they are written for a real machine"),
    )


class Seen(Worded):
    """What a finding expected, and what stands there instead."""

    NOT_PRESENT = "not_present", N_("not present")
    PRESENT = "present", N_("present")
    GONE = "gone", N_("gone")
    NOT_SET = "not_set", N_("not set")
    NOT_LOADED = "not_loaded", N_("not loaded")
    NOT_INSTALLED = "not_installed", N_("not installed")
    NOT_KNOWN = "not_known", N_("not known")
    MEDIA_ONLY = "media_only", N_("media only")
    CLOSED = "closed", N_("closed")
    READ = "read", N_("read")
    READING = "reading", N_("reading {number}")
    AS_IN_PACKAGE = "as_in_package", N_("as in package {package}")
    AS_IN_ARCHIVE = "as_in_archive", N_("as in the signed archive")
    NOT_IN_ARCHIVE = "not_in_archive", N_("not in the archive")
    AS_SOURCE_SAYS = "as_source_says", N_("as its source says")
    NOT_IN_PACKAGE = "not_in_package", N_("no such file in the package")
    NOT_COMPARED = "not_compared", N_("{source}: the package was not compared")
    SIGNED_INDEX = "signed_index", N_("signed index")
    PATCH_RUN = "patch_run", N_("patch run")
    NOT_OF_PYTHON = "not_of_python", N_("not part of Python")
    NO_SUCH_FILE = "no_such_file", N_("no such file")
    PHP_INSIDE = "php_inside", N_("a file with PHP code")
    GROUP_NUMBER = "group_number", N_("number {number}")
    GROUP_OWN_NUMBER = "group_own_number", N_("number of its own")
    GROUP_OF = "group_of", N_("number {number}, of {group}")
    ACCOUNT = "account", N_("uid {uid}, shell {shell}, password {password}")
    UNIT = "unit", N_("{state}, {active}")
    NO_FILE = "no_file", N_("no file")
    UNKNOWN_PROGRAM = "unknown_program", N_("unknown program")
    PACKAGES = "packages", N_("{count} packages")
    STAGE_KNOWN = "stage_known", N_("{count} files, as in the baseline or on the live website")
    STAGE_OTHER = "stage_other", N_("{count} files that neither the baseline nor the live website has")
    KNOWN_PROGRAM = "known_program", N_("a program of a package, or one that the baseline knows")
    KNOWN_SCRIPT = "known_script", N_("a script that a package or the baseline knows")
    LASTING_LOGIN = "lasting_login", N_("a login that still lasts")
    UNIT_OR_LOGIN = "unit_or_login", N_("a unit or a login")
    PARENT_IN_UNIT = "parent_in_unit", N_("a parent in its unit: it was left behind")
    NO_CODE_FROM = "no_code_from", N_("no code loaded from {path}")
    NO_LIBRARY_BY = "no_library_by", N_("no library forced by {variable}")
    UNKNOWN_RELEASE = "unknown_release", N_("an unknown release")
    NO_PACKAGE_LIST = "no_package_list", N_("no package list is there")
    NO_APT = "no_apt", N_("this controller has no apt")
    SOURCE_UNSIGNED = (
        "source_unsigned",
        N_("host_state_package_sources: trusted=yes is not accepted, give signed-by="),
    )
    NO_SOURCES = "no_sources", N_("this controller's apt knows no Debian archive")
    NO_KEYRING = "no_keyring", N_("{file} is missing (apt-get install debian-archive-keyring)")
    APT_SLOW = "apt_slow", N_("apt did not end within {seconds} s")
    APT_BROKEN = "apt_broken", N_("apt can't be run: {why}")
    APT_ENDED = "apt_ended", N_("apt ended with {status}")
    SUMS_MISSING = "sums_missing", N_("it gave the sums of {count} of {wanted} files")
    BROKE_OFF = "broke_off", N_("it broke off")
    FOLDER_UNENDED = "folder_unended", N_("it did not reach the end of a folder in time")
    SUMS_DIFFER = "sums_differ", N_("coreutils and busybox differ")
    TOO_MANY_RECORDS = "too_many_records", N_("more than {count} records, or too much in them")
    TOO_MANY_FILES = (
        "too_many_files",
        N_("more than {count} files: more than is plausible here; host_state_most_files in the inventory raises that"),
    )
    BAD_RECORDS = "bad_records", N_("{count} records that are not of the expected form")
    READING_BROKE_OFF = "reading_broke_off", N_("the reading broke off before its end")
    NOT_READABLE = "not_readable", N_("not readable: {path} ({why})")
    SECTION_LIMIT = "section_limit", N_("more than is read: {section} {why}")
    SECTION_FAILED = "section_failed", N_("failed: {section} {why}")
    NO_SECOND_LOOK = "no_second_look", N_("the first reader did not answer a second time")
    VAULT_SILENT = "vault_silent", N_("the vault gave no answer")
    VAULT_NO_POINT = "vault_no_point", N_("the vault has looked into no restore point of this host")
    VAULT_FORM = "vault_form", N_("the vault's answer is of another form")
    NO_VAULT = "no_vault", N_("the inventory names no vault")


class Gap(Worded):
    """Why a part of an application's data was not read. Programs on a host write these too."""

    NO_PROFILE = "no-profile", N_("there is no profile for this application")
    NOT_IN_PROFILE = "not-in-profile", N_("the profile can't read it")
    PARTLY = "partly", N_("the profile reads a part of it")
    NO_DATABASE = "no-database", N_("the inventory names no database")
    ENGINE = "engine", N_("not with this database engine")
    NO_LOGIN = "no-login", N_("the application's own login to the database was not found in its configuration")
    NO_ANSWER = "no-answer", N_("the database did not answer")
    NO_TABLE = (
        "no-table",
        N_("the database did not answer a query of the profile: a table or column is missing, or it took too long"),
    )
    NO_FILE = "no-file", N_("a file that the profile expects is missing")
    NO_WORDS = "no-words", N_("there were no words to search for")
    UNREADABLE = "unreadable", N_("some of it is kept in a form that can't be read")
    TOO_MANY = "too-many", N_("there is more than a scan reads")
    NOT_SAID = "not-said", N_("the host did not say")


class Unrotated(Worded):
    """What a rotation left as it was: a person's work."""

    NO_PROFILE = (
        "unrotated_no_profile",
        N_("the website: there is no profile for {application}, so its secrets are not known"),
    )
    DATABASE_PASSWORD = (
        "unrotated_database",
        N_("the database password: the profile does not say where it stands"),
    )
    ADMINISTRATORS = (
        "unrotated_administrators",
        N_("passwords of the application's administrators: not in the profile"),
    )
    SOME_ADMINISTRATORS = (
        "unrotated_some_administrators",
        N_("{count} administrators: a name that can't be handled, or too many of them"),
    )
    NOT_LISTED = (
        "unrotated_not_listed",
        N_(
            "passwords of the application's administrators: the database refused the password that the configuration "
            "states; type the command again"
        ),
    )
    SESSIONS = "unrotated_sessions", N_("sessions of the application: the profile does not say how they end")
    KEPT = "unrotated_kept", N_("{name}: only a person can replace it, in the application")


class Breaks(Worded):
    """What no longer works after a rotation."""

    SESSIONS = "breaks_sessions", N_("everybody has to log in again")
    TOKENS = "breaks_tokens", N_("programs need new passwords or keys for the application")
    RESET_LINKS = "breaks_reset_links", N_("links for a new password that were sent by mail are dead")
    TWO_FACTOR = "breaks_two_factor", N_("second factors of logins have to be set up again")
    SAVED_FORMS = "breaks_saved_forms", N_("forms that were open in a browser have to be filled in again")


class Left(Worded):
    """Why something was left as it is, what stands against a return to service, and why a point was passed over."""

    FINDING = "left_finding", N_("{severity} {rule}: {path}")
    NO_BASELINE = "no_baseline", N_("there is no baseline to compare with")
    SCAN_PARTIAL = "scan_partial", N_("the scan could not see everything")
    CHECK_FAILED = "check_failed", N_("check {role} {name}: {why}")
    NO_CHECK = "no_check", N_("no check could be carried out")
    ENTRY_OPEN = "entry_open", N_("nobody has said what the way in was and how it was closed (--entry-closed)")
    APPLICATION_UNREAD = (
        "application_unread",
        N_("nobody has looked at what no scan reads of the application: {topics} (--application-checked)"),
    )
    UNROTATED = (
        "left_unrotated",
        N_("nobody has said whether what rotate can't replace was replaced: {what} (--application-checked)"),
    )
    UNKNOWN_ACTION = "unknown_action", N_("unknown action")
    KILL_NOT_ASKED = "kill_not_asked", N_("a process is ended only with --kill-processes")
    OUTSIDE = "outside_folders", N_("outside of the folders that may be changed")
    NO_BASELINE_FOR_IT = "no_baseline_for_it", N_("there is no baseline to judge it by")
    GOOD_FILE = "good_file", N_("the baseline knows this file as good")
    GOOD_UNIT = "good_unit", N_("the baseline knows this unit as good")
    GOOD_LINE = "good_line", N_("the baseline knows this line as good")
    GOOD_ACCOUNT = "good_account", N_("the baseline knows this account as good")
    GOOD_MEMBERSHIP = "good_membership", N_("the baseline knows this membership as good")
    CONFIGURATION = (
        "own_configuration",
        N_("the application's own file, without which the website is down: restore it, or name the finding"),
    )
    KEPT_CODE = (
        "kept_code",
        N_("code that the application keeps and the baseline knows otherwise: restore it, or name the finding"),
    )
    UNJUDGED = "unjudged", N_("no baseline says whether the website needs it: restore it, or name the finding")
    NO_ANSWER = "host_silent", N_("the host gave no answer")
    ANSWER_FORM = "host_answer_form", N_("the host's answer is not of the expected form")
    NEWER = "point_newer", N_("newer than asked for")
    AFTER_SIGN = "point_after_sign", N_("taken after the first sign of compromise ({time})")
    DAMAGED = "point_damaged", N_("it is damaged")
    SKEWED = "point_skewed", N_("its own clock disagrees with the vault's")
    HOLDS = "point_holds", N_("holds {said}")
    NOT_WHOLE = "point_not_whole", N_("is not whole: {said}")
    UNKNOWN_CODE = "point_unknown_code", N_("no baseline is older: its code was judged by content rules alone")
    NOT_JUDGED = "point_not_judged", N_("could not be judged: {said}")


# What programs on a host may state in an answer; see :mod:`ungcuu.core.heard`.
FROM_CHECKS = frozenset({*Check, Detail.NONE, Detail.SAID})
FROM_VAULT = frozenset({*Left, Detail.SAID})
FROM_TRIALS = frozenset({*Trial, *Check, Detail.SAID})
FAMILIES: tuple[type[Worded], ...] = (Check, Trial, Skip, Seen, Gap, Unrotated, Breaks, Left)
