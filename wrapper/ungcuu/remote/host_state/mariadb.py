"""The database server: code that it holds, who may log in and how, their rights, and settings that run something."""

from __future__ import annotations

from ungcuu.remote.host_state.reading import emit
from ungcuu.remote.host_state.sql import sql

# Variables that make the server run a statement, load code, log into a file, or leave its checks out.
SETTINGS = (
    "init_connect",
    "init_file",
    "init_slave",
    "plugin_dir",
    "secure_file_priv",
    "local_infile",
    "event_scheduler",
    "general_log",
    "general_log_file",
    "slow_query_log_file",
    "old_passwords",
    "skip_grant_tables",
    "skip_name_resolve",
    "log_bin_trust_function_creators",
)
CODE = (
    (
        "trigger",
        "SELECT CONCAT(TRIGGER_SCHEMA,'.',TRIGGER_NAME),"
        "SHA2(CONCAT_WS('|',ACTION_STATEMENT,DEFINER,EVENT_OBJECT_TABLE,EVENT_MANIPULATION,ACTION_TIMING),256) "
        "FROM information_schema.TRIGGERS;",
    ),
    (
        "event",
        "SELECT CONCAT(EVENT_SCHEMA,'.',EVENT_NAME),"
        "SHA2(CONCAT_WS('|',EVENT_DEFINITION,DEFINER,STATUS,INTERVAL_VALUE,INTERVAL_FIELD),256) "
        "FROM information_schema.EVENTS;",
    ),
    (
        "routine",
        "SELECT CONCAT(LOWER(ROUTINE_TYPE),' ',ROUTINE_SCHEMA,'.',ROUTINE_NAME),"
        "SHA2(CONCAT_WS('|',ROUTINE_DEFINITION,DEFINER,SECURITY_TYPE),256) FROM information_schema.ROUTINES;",
    ),
    (
        "routine",
        "SELECT CONCAT('view ',TABLE_SCHEMA,'.',TABLE_NAME),"
        "SHA2(CONCAT_WS('|',VIEW_DEFINITION,DEFINER,SECURITY_TYPE),256) "
        "FROM information_schema.VIEWS WHERE TABLE_SCHEMA<>'sys';",
    ),
    ("routine", "SELECT CONCAT('library function ',name),CONCAT(dl,' ',type) FROM mysql.func;"),
    ("plugin", "SELECT PLUGIN_NAME,PLUGIN_LIBRARY FROM information_schema.PLUGINS WHERE PLUGIN_LIBRARY IS NOT NULL;"),
)
# Every way to log in, without the secret itself; its digest stands by itself, since ``rotate`` changes it.
USERS = (
    "SELECT CONCAT(g.User,'@',g.Host),"
    # Debian's own accounts have every bit, also those that mean nothing: ALTER USER leaves these out.
    "CONCAT('rights=',IFNULL(JSON_VALUE(g.Priv,'$.access') & 549755813887,0),"
    "' login=',IFNULL(JSON_VALUE(g.Priv,'$.plugin'),'none'),"
    "' also=',IFNULL(LEFT(SHA2(NULLIF(JSON_QUERY(g.Priv,'$.auth_or'),'[{}]'),256),16),'none'),"
    "' locked=',IFNULL(JSON_VALUE(g.Priv,'$.account_locked'),'0'),"
    "' secret=',IF(IFNULL(JSON_VALUE(g.Priv,'$.authentication_string'),'')='','empty',"
    "LEFT(SHA2(JSON_VALUE(g.Priv,'$.authentication_string'),256),16))) FROM mysql.global_priv g;"
)
GRANTS = (
    "SELECT CONCAT(GRANTEE,' on ',TABLE_SCHEMA),GROUP_CONCAT(CONCAT(PRIVILEGE_TYPE,IF(IS_GRANTABLE='YES','+','')) "
    "ORDER BY PRIVILEGE_TYPE) FROM information_schema.SCHEMA_PRIVILEGES GROUP BY GRANTEE,TABLE_SCHEMA;"
    "SELECT CONCAT(GRANTEE,' on ',TABLE_SCHEMA,'.',TABLE_NAME),GROUP_CONCAT(CONCAT(PRIVILEGE_TYPE,"
    "IF(IS_GRANTABLE='YES','+','')) ORDER BY PRIVILEGE_TYPE) FROM information_schema.TABLE_PRIVILEGES "
    "GROUP BY GRANTEE,TABLE_SCHEMA,TABLE_NAME;"
    "SELECT CONCAT(User,'@',Host,' as role ',Role),Admin_option FROM mysql.roles_mapping;"
    "SELECT CONCAT(User,'@',Host,' as proxy of ',Proxied_user,'@',Proxied_host),With_grant FROM mysql.proxies_priv;"
    "SELECT CONCAT(User,'@',Host,' runs ',Routine_type,' ',Db,'.',Routine_name),Proc_priv FROM mysql.procs_priv;"
)


def server() -> None:
    """Everything of the server that is not the site's own content."""
    for kind, query in CODE:
        pairs(kind, query)
    pairs("user", USERS)
    pairs("grant", GRANTS)
    names = ",".join(f"'{name}'" for name in SETTINGS)
    pairs("setting", f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names});")


def pairs(kind: str, query: str) -> None:
    """Emit each (name, detail) that a query gives."""
    for name, detail in (row for row in sql(query) if len(row) == 2):
        emit("database", set=kind, name=name, detail=detail)
