"""What a host may suffer from when it is cut off: load, full disks, no memory, other rule sets; programs run on it."""

from __future__ import annotations

DOCKER = """
table ip docker {
    chain nat { type nat hook prerouting priority -150; policy accept; tcp dport 8081 redirect to :22; }
    chain forward { type filter hook forward priority -400; policy accept; accept; }
    chain input { type filter hook input priority -400; policy accept; accept; }
}
"""


OPEN_A_RULE = """
last=$(nft -a list chain inet ungcuu_isolation input | sed -n 's/.*counter.*drop # handle //p')
nft delete rule inet ungcuu_isolation input handle "$last"
nft add rule inet ungcuu_isolation input accept
"""


# CPU, new processes, disk and memory at once; the memory has a limit of its own, so that only this host feels it.
BUSY = """
systemd-run -q --unit=busy-cpu sh -c 'for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; wait'
systemd-run -q --unit=busy-forks sh -c 'for i in 1 2 3 4; do (while :; do /bin/true; done) & done; wait'
systemd-run -q --unit=busy-disk sh -c 'while :; do dd if=/dev/zero of=/var/tmp/busy bs=1M count=32 conv=fsync; done'
systemd-run -q --unit=busy-memory -p MemoryMax=64M python3 -c 'while True: bytearray(256 << 20)' || true
"""


IDLE = "systemctl stop 'busy-*' 2>/dev/null; systemctl reset-failed; rm -f /var/tmp/busy; true"


# With the packet filter as its tool, as on a hardened host; its restart deletes and makes tables of its own.
FAIL2BAN = """
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq install -y --no-install-recommends fail2ban python3-systemd nftables >/dev/null
cd /etc/fail2ban
printf '[DEFAULT]\nbackend = systemd\nbanaction = nftables\n[sshd]\nenabled = true\nport = 22\n' > jail.d/test.conf
printf '[Definition]\nallowipv6 = auto\n' > fail2ban.d/test.conf
systemctl restart fail2ban
"""


RETRY_AFTER = (
    "import sys,urllib.request as u,urllib.error as e\n"
    "try: u.urlopen(u.Request('http://' + sys.argv[1], headers={'Host': 'portal.lab.test'}), timeout=5)\n"
    "except e.HTTPError as x: print(x.code, x.headers['Retry-After'])\n"
)


# Every place that is written to becomes a file system with the same files, full to the last byte.
FULL = """
set -e
for place in /etc /home /root /tmp /var/log /var/tmp /var/lib/ungcuu; do
    mkdir -p $place /run/full
    mount -t tmpfs -o mode=$(stat -c %a $place),size=$(($(du -sk $place | cut -f1) * 2 + 64))k full /run/full
    cp -a $place/. /run/full/
    mount --move /run/full $place
    dd if=/dev/zero of=$place/.full bs=4k 2>/dev/null || true
    ! echo x 2>/dev/null > $place/.one-more
done
"""


EMPTIED = "cd /; for place in $(sed -n 's/^full \\([^ ]*\\) .*/\\1/p' /proc/mounts); do umount -l $place; done"


# Takes all memory there is, again and again; the container's limit keeps it from everybody else.
HUNGRY = """
for i in 1 2 3; do systemd-run -q --unit=busy-hungry$i -p Restart=always -p RestartSec=100ms \
    -p StartLimitIntervalSec=0 python3 -c 'held = []
while True: held.append(b"x" * (1 << 20))'; done
"""


# Takes every place of the process table and each one that falls free, for half a minute.
CROWD = """
import threading, time
end = time.monotonic() + 30
threading.stack_size(65536)
while time.monotonic() < end:
    try:
        threading.Thread(target=lambda: time.sleep(max(0, end - time.monotonic())), daemon=True).start()
    except RuntimeError:
        time.sleep(0.005)
"""


# Callers who never log in: sshd turns away nine of ten others while they are there.
CALLERS = "import socket,time; held = [socket.create_connection(('{address}', 22)) for _ in range(4)]; time.sleep(500)"


FROM_80 = (
    "import socket,sys; line = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)\n"
    "line.settimeout(2); line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); line.bind(('', 80))\n"
    "try: line.connect((sys.argv[1], 8080)); print('open')\n"
    "except OSError: print('dead')\n"
)


WRITABLE = "/etc /home /root /tmp /var"
