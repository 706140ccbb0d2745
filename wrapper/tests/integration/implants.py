"""Implants, inert and written by us: the place, how it is planted, and what a scan has to say of it.

docs/reference/implants.md is made of this list (wrapper/tests/tools/implants_page.py); test_implants.py plants it all.
"""

from __future__ import annotations

from dataclasses import dataclass

ROOT = "/var/www/portal"
# What every plant may use. Nothing that is planted does anything: scripts say ``true``, programs are copies of sleep.
HEAD = r"""
set -e
W=/var/www/portal; UP=$W/wp-content/uploads; PHP=$(ls /etc/php | head -n1)
PY=$(basename "$(readlink -f /usr/bin/python3)")
LIB=$(dirname "$(find /usr/lib/*-linux-gnu -maxdepth 1 -name 'libgdbm.so.6' | head -n1)")
unit() { printf '[Unit]\nDescription=inert\n[Service]\nExecStart=/bin/true\n' > "$1"; }
file() { mkdir -p "$(dirname "$1")"; printf '%s\n' "$2" > "$1"; }
wp() { runuser -u portal -- php -d display_errors=0 -r "require '$W/wp-load.php'; $1"; }
sql() { mariadb --default-character-set=utf8mb4 portal -e "$1"; }
"""


@dataclass(frozen=True)
class Implant:
    """One implant. ``severity`` is the least that a scan may give it."""

    place: str
    script: str
    rule: str
    severity: str
    path: str

    @property
    def name(self) -> str:
        """Return a name for a test's report."""
        return self.place.replace(" ", "-").replace("/", "_")


def _file(place: str, path: str, text: str, rule: str, severity: str = "high") -> Implant:
    return Implant(place, f'file {path} "{text}"', rule, severity, path)


def _shell(place: str, script: str, rule: str, severity: str, path: str) -> Implant:
    return Implant(place, script, rule, severity, path)


SCHEDULED = (
    _file("cron: file", "/etc/cron.d/cap-nhat", "0 4 1 1 * root true", "persistence.cron"),
    _file("cron: daily script", "/etc/cron.daily/cap-nhat", "true", "persistence.cron"),
    _shell(
        "cron: line of a shared file",
        "echo '0 4 1 1 * root true' >> /etc/crontab",
        "persistence.cron-line",
        "high",
        "/etc/crontab",
    ),
    _file("cron: an account's table", "/var/spool/cron/crontabs/portal", "0 4 1 1 * true", "persistence.cron"),
    _file("at job", "/var/spool/cron/atjobs/a0000101d1b3f2", "true", "persistence.cron"),
)
UNITS = (
    _shell("unit named like a transient one", "unit /etc/systemd/system/run-r3f2a.service", "persistence.unit", "high",
           "/etc/systemd/system/run-r3f2a.service"),
    _shell("unit named like one of ungcuu", "unit /etc/systemd/system/ungcuu-guard.service", "persistence.unit", "high",
           "/etc/systemd/system/ungcuu-guard.service"),
    _shell("unit among the packages' units", "unit /usr/lib/systemd/system/dbus-sync.service", "persistence.unit",
           "high", "/usr/lib/systemd/system/dbus-sync.service"),
    _file("timer", "/etc/systemd/system/sync.timer", "[Timer]", "persistence.unit"),
    _file("drop-in", "/etc/systemd/system/ssh.service.d/zz.conf", "[Unit]", "persistence.unit"),
    _file("drop-in of all services", "/run/systemd/system/service.d/zz.conf", "[Unit]", "persistence.unit"),
    _shell("generator", "G=/etc/systemd/system-generators/zz; file $G '#!/bin/true'; chmod 755 $G",
           "persistence.unit", "high", "/etc/systemd/system-generators/zz"),
    _shell("generator among the packages' ones",
           "G=/usr/lib/systemd/system-generators/zz; file $G '#!/bin/true'; chmod 755 $G", "program.added", "high",
           "/usr/lib/systemd/system-generators/zz"),
    _shell("transient unit", "systemd-run -q --unit=run-sync /bin/sleep 900", "persistence.unit", "high",
           "/run/systemd/transient/run-sync.service"),
    _shell("transient unit named like one of ungcuu", "systemd-run -q --unit=ungcuu-restore-7 /bin/sleep 900",
           "persistence.unit", "high", "/run/systemd/transient/ungcuu-restore-7.service"),
    _shell("running unit whose file is gone",
           "unit /run/systemd/system/ghost.service; echo 'RemainAfterExit=yes' >> /run/systemd/system/ghost.service; "
           "systemctl daemon-reload; systemctl start ghost.service; rm /run/systemd/system/ghost.service",
           "unit.loaded", "high", "ghost.service"),
    _file("user unit", "/home/ungcuu/.config/systemd/user/sync.service", "[Service]", "persistence.unit"),
    _file("user unit for everybody", "/etc/systemd/user/sync.service", "[Service]", "persistence.unit"),
    _file("linger", "/var/lib/systemd/linger/portal", "", "persistence.linger"),
    _shell("manager's environment", "systemctl set-environment PYTHONSTARTUP=/opt/none.py", "persistence.environment",
           "critical", "PYTHONSTARTUP"),
)  # fmt: skip # a table
STARTUP = (
    _file("/etc/environment", "/etc/environment", "X=1", "persistence.startup"),
    _file("profile.d", "/etc/profile.d/zz.sh", "true", "persistence.startup"),
    _shell("login script of root", "echo true >> /root/.bashrc", "persistence.startup", "high", "/root/.bashrc"),
    _file("bash completion", "/etc/bash_completion.d/zz", "true", "persistence.startup"),
    _file(
        "bash completion among the packages' ones",
        "/usr/share/bash-completion/completions/zz",
        "true",
        "persistence.startup",
    ),
    _file("motd", "/etc/update-motd.d/99-zz", "true", "persistence.startup"),
    _file("rc.local", "/etc/rc.local", "true", "persistence.startup"),
    _file("udev rule", "/etc/udev/rules.d/99-zz.rules", "# inert", "persistence.startup"),
    _file("udev rule among the packages' ones", "/usr/lib/udev/rules.d/99-zz.rules", "# inert", "persistence.startup"),
    _file("apt hook", "/etc/apt/apt.conf.d/99zz", "// inert", "persistence.startup"),
    _file("apt key", "/etc/apt/trusted.gpg.d/zz.asc", "inert", "package.source"),
    _file("apt key among the packages' ones", "/usr/share/keyrings/zz.gpg", "inert", "package.source"),
    _file("apt source", "/etc/apt/sources.list.d/zz.list", "# inert", "package.source"),
    _file(
        "D-Bus service",
        "/usr/share/dbus-1/system-services/vn.test.Zz.service",
        "[D-BUS Service]",
        "persistence.activation",
    ),
    _file("D-Bus policy", "/etc/dbus-1/system.d/zz.conf", "<busconfig/>", "persistence.activation"),
    _file("module of the kernel", "/usr/lib/modules/6.1.0-zz/extra/zz.ko", "inert", "kernel.module"),
    _file("module of the kernel, loaded at start", "/etc/modules-load.d/zz.conf", "# inert", "persistence.startup"),
)
PACKAGES = (
    _shell(
        "dpkg maintainer script",
        "echo '# inert' >> /var/lib/dpkg/info/cron.postinst",
        "package.script",
        "high",
        "/var/lib/dpkg/info/cron.postinst",
    ),
    _file("dpkg maintainer script of no package", "/var/lib/dpkg/info/zz.prerm", "true", "package.script"),
    _shell(
        "dpkg md5sums",
        "echo 'd41d8cd98f00b204e9800998ecf8427e  srv/zz' >> /var/lib/dpkg/info/cron.md5sums",
        "package.record",
        "high",
        "/var/lib/dpkg/info/cron.md5sums",
    ),
    _shell(
        "dpkg status",
        "sed -i '/^Package: cron$/,/^$/s/^Maintainer:.*/Maintainer: x/' /var/lib/dpkg/status",
        "package.record",
        "high",
        "/var/lib/dpkg/status cron:amd64",
    ),
)
ACCESS = (
    _shell("PAM line", "echo 'session optional pam_permit.so' >> /etc/pam.d/common-session", "access.login", "high",
           "/etc/pam.d/common-session"),
    _shell("PAM module", "cp /usr/lib/*-linux-gnu/security/pam_permit.so $LIB/security/pam_zz.so", "program.added",
           "high", "*/security/pam_zz.so"),
    _shell("PAM module replaced", "printf x >> $LIB/security/pam_echo.so", "program.modified", "critical",
           "*/security/pam_echo.so"),
    _file("AuthorizedKeysCommand", "/etc/ssh/sshd_config.d/zz.conf", "AuthorizedKeysCommand /bin/true", "access.login"),
    _shell("authorized_keys",
           "echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBbWCN1Zk0QxV5v1m1oJz0qY7qk0l0yQe1u0w0xw0000 x' "
           ">> ~ungcuu/.ssh/authorized_keys", "access.key", "critical", "/home/ungcuu/.ssh/authorized_keys"),
    _shell("sudoers", "echo 'portal ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz",
           "access.sudo", "critical", "/etc/sudoers.d/zz"),
    _shell("group with power", "usermod -aG adm portal", "account.member", "critical", "adm: portal"),
    _shell("group with another's number", "groupadd zz; sed -i 's/^zz:x:[0-9]*:/zz:x:27:/' /etc/group",
           "account.group", "high", "zz"),
    _shell("second root", "useradd -o -u 0 -g 0 -M -s /bin/bash toor 2>/dev/null", "account.root", "critical", "toor"),
    _file("polkit rule", "/etc/polkit-1/rules.d/00-zz.rules", "// inert", "access.login"),
    _file("polkit action among the packages' ones", "/usr/share/polkit-1/actions/zz.policy", "<policyconfig/>",
          "access.login"),
)  # fmt: skip # a table
CODE = (
    _shell("ld.so.preload", "echo > /etc/ld.so.preload", "persistence.preload", "critical", "/etc/ld.so.preload"),
    _file("ld.so.conf.d", "/etc/ld.so.conf.d/00-zz.conf", "/opt/zz", "persistence.startup"),
    _shell("ld.so.cache",
           "mkdir -p /opt/zz; cp $LIB/libgdbm.so.6 /opt/zz; echo /opt/zz > /etc/ld.so.conf.d/00-zz.conf; "
           "ldconfig", "persistence.library-path", "critical", "/etc/ld.so.cache"),
    _file(".pth", "/usr/lib/python3/dist-packages/zz.pth", "# inert", "persistence.interpreter"),
    _shell(".pth beside the packages", "file /usr/local/lib/$PY/dist-packages/zz.pth '# inert'",
           "persistence.interpreter", "high", "/usr/local/lib/*/dist-packages/zz.pth"),
    _shell("usercustomize", "file /home/ungcuu/.local/lib/$PY/site-packages/usercustomize.py '# inert'",
           "persistence.startup", "high", "/home/ungcuu/.local/lib/*/site-packages/usercustomize.py"),
    _shell("sitecustomize", "echo '# inert' >> /etc/$PY/sitecustomize.py", "persistence.interpreter", "high",
           "/etc/python*/sitecustomize.py"),
    _shell("__pycache__", "python3 -c \"import importlib.util as u, marshal, os; s='/usr/lib/$PY/colorsys.py'; "
           "c=u.cache_from_source(s); i=os.stat(s); os.makedirs(os.path.dirname(c), exist_ok=True); "
           "open(c,'wb').write(u.MAGIC_NUMBER + bytes(4) + int(i.st_mtime).to_bytes(4,'little') "
           "+ i.st_size.to_bytes(4,'little') + marshal.dumps(compile(open(s).read() + 'inert = 1', s, 'exec')))\"",
           "program.bytecode", "critical", "/usr/lib/python*/__pycache__/colorsys.*.pyc"),
    _file("Perl module", "/usr/share/perl5/Zz.pm", "1;", "persistence.interpreter"),
    _shell("Perl module of a package", "echo '# inert' >> /usr/share/perl5/Debconf/Log.pm", "program.modified",
           "critical", "/usr/share/perl5/Debconf/Log.pm"),
    _file("other file of /usr/share", "/usr/share/doc/zz/payload", "inert", "program.data", "medium"),
    _shell("library without the right to execute", "cp $LIB/libgdbm.so.6 $LIB/libzz.so.1; chmod 644 $LIB/libzz.so.1",
           "program.added", "high", "/usr/lib/*/libzz.so.1"),
    _shell("setuid", "cp /bin/true /srv/zz; chmod 4755 /srv/zz", "privilege.file", "critical", "/srv/zz"),
    _shell("setuid in ungcuu's own folder", "mkdir -p /var/lib/ungcuu; cp /bin/true /var/lib/ungcuu/zz; "
           "chmod 4755 /var/lib/ungcuu/zz", "privilege.file", "critical", "/var/lib/ungcuu/zz"),
    _shell("file capability", "cp /bin/true /home/zz; chmod 755 /home/zz; setcap cap_net_raw+ep /home/zz",
           "privilege.file", "critical", "/home/zz"),
)  # fmt: skip # a table
NETWORK = (
    _shell(
        "resolv.conf", "echo 'nameserver 192.0.2.1' >> /etc/resolv.conf", "network.names", "medium", "/etc/resolv.conf"
    ),
    _shell("hosts", "echo '192.0.2.1 zz.test' >> /etc/hosts", "network.names", "medium", "/etc/hosts"),
    _shell(
        "nsswitch.conf",
        "sed -i 's/^networks:.*/networks: files dns/' /etc/nsswitch.conf",
        "access.login",
        "high",
        "/etc/nsswitch.conf",
    ),
    _shell(
        "nft table that leads packets elsewhere",
        "nft 'table ip zz { chain pre { type nat hook prerouting priority -100; tcp dport 9 redirect to :10; }; }'",
        "network.filter",
        "high",
        "table ip zz",
    ),
)
RUNNING = (
    _shell(
        "root's loop",
        "setsid bash -c 'while :; do sleep 600; done' </dev/null >/dev/null 2>&1 & sleep 0.2",
        "process.unexplained",
        "high",
        "/usr/bin/bash",
    ),
    _shell(
        "deleted program",
        "cp /bin/sleep /opt/zz-gone; setsid /opt/zz-gone 900 </dev/null >/dev/null 2>&1 & sleep 0.3; rm /opt/zz-gone",
        "process.hidden",
        "high",
        "/opt/zz-gone",
    ),
    _shell(
        "program in memory",
        "setsid python3 -c \"import os; f=os.memfd_create('zz',0); "
        "os.write(f,open('/bin/sleep','rb').read()); os.execv(f'/proc/self/fd/{f}',['zz','900'])\" "
        "</dev/null >/dev/null 2>&1 & sleep 0.5",
        "process.hidden",
        "critical",
        "/memfd:zz",
    ),
    _shell(
        "script outside of known places",
        "file /srv/agent.py 'import time; time.sleep(900)'; "
        "setsid python3 /srv/agent.py </dev/null >/dev/null 2>&1 & sleep 0.3",
        "process.unexplained",
        "high",
        "/usr/bin/python*",
    ),
    _shell(
        "loop in a service's own unit",
        "setsid sh -c 'while :; do sleep 600; done' </dev/null >/dev/null 2>&1 & P=$!; "
        "D=$(sed -n 's/^[0-9]*:name=systemd://p;s/^0:://p' /proc/$(pidof -s cron)/cgroup | head -n1); "
        "for root in /sys/fs/cgroup/systemd /sys/fs/cgroup; do [ ! -w $root$D/cgroup.procs ] || "
        "{ echo $P > $root$D/cgroup.procs && break; }; done",
        "process.unexplained",
        "high",
        "/usr/bin/dash",
    ),
    _shell(
        "library in a running program",
        "cp $LIB/libgdbm.so.6 /srv/libzz.so; setsid python3 -c "
        "\"import ctypes, time; ctypes.CDLL('/srv/libzz.so'); time.sleep(900)\" </dev/null >/dev/null 2>&1 & "
        "sleep 0.3",
        "process.unexplained",
        "high",
        "/usr/bin/python*",
    ),
)
WEBSITE = (
    _file(".user.ini", f"{ROOT}/.user.ini", "; inert", "web.code-added"),
    _file(".htaccess", f"{ROOT}/wp-includes/.htaccess", "# inert", "web.code-added"),
    _shell(
        "pool configuration",
        "echo '; inert' >> /etc/php/$PHP/fpm/pool.d/portal.conf",
        "config.web",
        "high",
        "/etc/php/*/fpm/pool.d/portal.conf",
    ),
    _shell(
        "auto_prepend_file",
        "file /etc/php/$PHP/fpm/conf.d/99-zz.ini 'auto_prepend_file='",
        "config.web",
        "high",
        "/etc/php/*/fpm/conf.d/99-zz.ini",
    ),
    _file("mu-plugin", f"{ROOT}/wp-content/mu-plugins/zz.php", "<?php // inert", "web.code-added"),
    _file("drop-in plugin", f"{ROOT}/wp-content/advanced-cache.php", "<?php // inert", "web.code-added"),
    _file(
        "PHP inside media", f"{ROOT}/wp-content/uploads/2026/zz.gif", "GIF89a<?php echo 1;", "upload.code", "critical"
    ),
    _file("PHP inside media of a theme", f"{ROOT}/wp-content/themes/zz.png", "<?php echo 1;", "web.code-added"),
    _file("git hook", f"{ROOT}/.git/hooks/post-merge", "#!/bin/true", "web.code-added"),
    _file("git configuration", f"{ROOT}/.git/config", "[core]", "web.code-added"),
)
DATABASE = (
    _shell("database trigger", "sql 'CREATE TRIGGER zz BEFORE INSERT ON wp_links FOR EACH ROW SET @x=1'",
           "database.code", "high", "trigger portal.zz"),
    _shell("database event",
           "sql 'CREATE EVENT zz ON SCHEDULE EVERY 1 YEAR STARTS \"2037-01-01 00:00:00\" DO SET @x=1'",
           "database.code", "high", "event portal.zz"),
    _shell("stored function", "sql 'CREATE FUNCTION zz() RETURNS INT DETERMINISTIC RETURN 1'", "database.code", "high",
           "routine function portal.zz"),
    _shell("stored procedure", "sql 'CREATE PROCEDURE zz() SET @x=1'", "database.code", "high",
           "routine procedure portal.zz"),
    _shell("database user", "sql \"CREATE USER zz@localhost IDENTIFIED BY 'inert'\"", "database.user", "high",
           "user zz@localhost"),
    _shell("database grant", "sql \"GRANT SELECT ON mysql.* TO portal@localhost\"", "database.user", "high",
           "grant 'portal'@'localhost' on mysql"),
    _shell("additional authentication", "sql \"ALTER USER mysql@localhost IDENTIFIED VIA unix_socket OR "
           "mysql_native_password USING PASSWORD('inert')\"", "database.user", "high", "user mysql@localhost"),
    _shell("statement at each connection", "sql \"SET GLOBAL init_connect='SELECT 1'\"", "database.server", "high",
           "setting init_connect"),
    _shell("application administrator", "wp \"wp_create_user('zzadmin', bin2hex(random_bytes(9)), 'zz@example.test'); "
           "get_user_by('login','zzadmin')->set_role('administrator');\"", "database.administrator", "critical",
           "administrator zzadmin"),
    _shell("capability of an account", "wp \"wp_create_user('zzuser', bin2hex(random_bytes(9)), 'zu@example.test'); "
           "get_user_by('login','zzuser')->add_cap('edit_plugins');\"", "database.capability", "high",
           "capability zzuser"),
    _shell("capability of a role", "wp \"get_role('subscriber')->add_cap('unfiltered_html');\"", "database.capability",
           "critical", "role subscriber"),
    _shell("application password",
           "wp \"WP_Application_Passwords::create_new_application_password(1, ['name'=>'zz']);\"",
           "database.application-password", "high", "application-password quantri *"),
    _shell("option that runs code", "wp \"update_option('zz_snippet', '<?php echo 1;');\"", "content.script", "high",
           "script option zz_snippet"),
    _shell("option that opens registration", "wp \"update_option('users_can_register', 1);\"", "database.option",
           "high", "option users_can_register"),
    _shell("script in a post", "sql \"UPDATE wp_posts SET post_content=CONCAT(post_content,'<script>1</script>') "
           "WHERE ID=1\"", "content.script", "high", "script post 1"),
    _shell("script in an option", "wp \"update_option('widget_zz', ['x'=>'<script>1</script>']);\"", "content.script",
           "high", "script option widget_zz"),
)  # fmt: skip # a table

IMPLANTS = (
    *SCHEDULED,
    *UNITS,
    *STARTUP,
    *PACKAGES,
    *ACCESS,
    *CODE,
    *NETWORK,
    *RUNNING,
    *WEBSITE,
    *DATABASE,
)
