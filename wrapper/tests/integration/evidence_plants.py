"""What is planted on a host so that its evidence must show it, and tools that an intruder replaced."""

from __future__ import annotations

UPLOADS = "/var/www/portal/wp-content/uploads"


PLANT = f"""
cp /usr/bin/sleep /tmp/gone
(env -i MARK=env-mark /tmp/gone 600 >/dev/null 2>&1 &)
sleep 0.3; rm /tmp/gone
echo '* * * * * root echo cron-mark' > /etc/cron.d/marker
mkdir -p /root/.ssh; echo 'ssh-ed25519 AAAA key-mark' >> /root/.ssh/authorized_keys
echo history-mark > /root/.bash_history
echo '<?php /* shell-mark */' > {UPLOADS}/x.php
sed -i 's#^}}$#access_log /var/log/odd.log;}}#' /etc/nginx/sites-available/portal.conf
echo odd-mark > /var/log/odd.log.1
install -m 4755 /bin/true /usr/local/bin/suid-mark
printf '[Service]\nExecStart=/bin/true unit-mark\n' > /etc/systemd/system/marker.service
nft add table inet rules-mark; ip route add blackhole 203.0.113.64/26
mkdir -p /mnt/mount-mark; mount -t tmpfs mount-mark /mnt/mount-mark
logger -t journal-mark x; echo '# changed' >> /usr/share/nginx/html/index.html
(exec 9>/var/tmp/open-mark; sleep 600 >/dev/null 2>&1 &)
"""


UPROOT = f"""
rm -f /etc/cron.d/marker /root/.ssh/authorized_keys /root/.bash_history {UPLOADS}/x.php /var/log/odd.log.1
rm -f /usr/local/bin/suid-mark /etc/systemd/system/marker.service /var/tmp/open-mark
sed -i '/# changed/d' /usr/share/nginx/html/index.html
nft delete table inet rules-mark; ip route del blackhole 203.0.113.64/26; umount /mnt/mount-mark; pkill -x sleep
for p in /proc/[0-9]*; do [ "$(cat $p/comm)" = gone ] && kill "${{p#/proc/}}"; done; true
"""


MARKS = {
    "process_environments": b"MARK=env-mark",
    "scheduled_jobs": b"cron-mark",
    "ssh_access": b"key-mark",
    "shell_histories": b"history-mark",
    "web_suspects": b"shell-mark",
    "web_logs": b"odd-mark",
    "setuid_files": b"suid-mark",
    "changed_files": b"/etc/cron.d/marker",
    "web_manifest": b"uploads/x.php",
    "connections": b"LISTEN",
    "firewall": b"rules-mark",
    "routes": b"203.0.113.64/26",
    "mounts": b"mount-mark",
    "open_files": b"/var/tmp/open-mark",
    "sessions": b"sshd",
    "journal": b"journal-mark",
    "login_records": b"wtmp",
    "start_up": b"unit-mark",
    "packages": b"nginx",
    "package_verification": b"/usr/share/nginx/html/index.html",
    "database_users": b"portal",
    "content_rows": b"INSERT INTO `wp_posts`",
    "web_hashes": b"wp-config.php",
}


PLANT_LOGS = r"""
mkdir -p /etc/apache2/sites-enabled /srv/vhosts /srv/logs /srv/h1
printf 'export APACHE_LOG_DIR=/srv/logs$SUFFIX\n' > /etc/apache2/envvars
cd /etc/apache2/sites-enabled
printf 'CustomLog ${APACHE_LOG_DIR}/a.log combined\nIncludeOptional "/srv/vhosts/*.conf"\n' > a.conf
printf 'ErrorLog "/srv/logs/b.log"\n' > /srv/vhosts/b.conf
printf 'access_log /srv/$host/c.log main;\n' > /etc/nginx/conf.d/c.conf
echo a > /srv/logs/a.log.2.gz; echo b > /srv/logs/b.log; echo c > /srv/h1/c.log; echo d > /srv/logs/other.log
"""


REPLACE_TOOLS = r"""
for t in ps ss timeout; do cp -a /usr/bin/$t /usr/bin/$t.real; rm /usr/bin/$t; done
printf '#!/bin/sh\ntrap "" TERM; while :; do sleep 1; done\n' > /usr/bin/ps
printf '#!/bin/sh\nexec yes\n' > /usr/bin/ss
printf '#!/bin/sh\nshift 3; exec "$@"\n' > /usr/bin/timeout
chmod 755 /usr/bin/ps /usr/bin/ss /usr/bin/timeout
"""


PUT_TOOLS_BACK = "for t in ps ss timeout; do mv /usr/bin/$t.real /usr/bin/$t; done"


PLANT_NAMES = rf"""
cd {UPLOADS}; touch "$(printf 'a\033[2J\nb\rc.php')" '..\..\x.php' '{{{{ 7*7 }}}}.php'
mkdir -p ...; touch .../.htaccess
cd /tmp; mkdir h; echo x > h/f
tar -cPf /var/tmp/traversal.tar --transform 's#^#../../../../etc/#' h/f; rm -r h
"""
