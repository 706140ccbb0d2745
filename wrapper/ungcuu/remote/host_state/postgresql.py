"""PostgreSQL's server: who may log in and with which power, code that it holds, and settings that run something.

Only the system's own catalogue is read, with no other schema on the path: nothing that an application defined runs with
the administrator's rights. Names begin with ``postgresql``, so that nobody takes them for MariaDB's.
"""

from __future__ import annotations

from ungcuu.remote.host_state.reading import emit
from ungcuu.remote.host_state.sql import postgresql_catalogue
from ungcuu.remote.host_state.wordpress import digest

# (set, name and text of each row, whether the text is shown or only its digest)
QUERIES = (
    (
        "user",
        "SELECT 'role ' || rolname, concat('login=', rolcanlogin, ' super=', rolsuper, ' roles=', rolcreaterole, "
        "' databases=', rolcreatedb, ' replication=', rolreplication, ' bypass=', rolbypassrls, ' password=', "
        "rolpassword IS NOT NULL) FROM pg_authid WHERE rolname !~ '^pg_'",
        True,
    ),
    (
        "grant",
        "SELECT 'role ' || m.rolname || ' in ' || r.rolname, 'admin=' || g.admin_option FROM pg_auth_members g "
        "JOIN pg_authid r ON r.oid = g.roleid JOIN pg_authid m ON m.oid = g.member WHERE m.rolname !~ '^pg_'",
        True,
    ),
    (
        "routine",
        "SELECT concat('function ', n.nspname, '.', p.proname, '(', pg_get_function_identity_arguments(p.oid), ')'), "
        "concat_ws('|', p.prosrc, p.probin, p.prosecdef, p.proowner::regrole, l.lanname) FROM pg_proc p "
        "JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang "
        "WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')",
        False,
    ),
    (
        "trigger",
        "SELECT 'trigger ' || n.nspname || '.' || c.relname || ' ' || t.tgname, "
        "concat(t.tgenabled, pg_get_triggerdef(t.oid)) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal",
        False,
    ),
    (
        "event",
        "SELECT 'event trigger ' || evtname, concat(evtevent, ' ', evtfoid::regproc, ' ', evtenabled) "
        "FROM pg_event_trigger",
        True,
    ),
    ("plugin", "SELECT 'extension ' || extname, 'version ' || extversion FROM pg_extension", True),
    ("plugin", "SELECT 'language ' || lanname, 'trusted ' || lanpltrusted FROM pg_language", True),
    # What makes the server load code or run a program.
    (
        "setting",
        "SELECT 'setting ' || name, setting FROM pg_settings WHERE name IN ('shared_preload_libraries', "
        "'session_preload_libraries', 'local_preload_libraries', 'dynamic_library_path', 'archive_mode', "
        "'archive_command', 'archive_library', 'restore_command', 'ssl_passphrase_command', 'jit_provider', "
        "'hba_file', 'ident_file', 'password_encryption')",
        True,
    ),
    (
        "setting",
        "SELECT concat('setting of role ', s.setrole::regrole, ' in ', d.datname), array_to_string(s.setconfig, ' ') "
        "FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase",
        True,
    ),
)


def server(database: str) -> bool:
    """Read everything of the server that is not the site's own content. Returns whether all of it was answered."""
    whole = True
    for kind, query, shown in QUERIES:
        rows = postgresql_catalogue(query, database)
        whole = whole and rows is not None
        for name, text in (row for row in rows or () if len(row) == 2):
            emit("database", set=kind, name=f"postgresql {name}", detail=text if shown else digest(text))
    return whole
