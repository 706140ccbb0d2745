#!/bin/sh
# Every lab host: a management account as on a real server, and nothing else that a bare Debian would not have.
set -eu
useradd --create-home --shell /bin/bash ungcuu
install -d -m 0700 -o ungcuu -g ungcuu /home/ungcuu/.ssh
printf 'ungcuu ALL=(root) NOPASSWD: ALL\n' > /etc/sudoers.d/ungcuu
chmod 0440 /etc/sudoers.d/ungcuu
# Host keys are made by the lab for each host, so that they can be pinned before the first connection.
rm -f /etc/ssh/ssh_host_*_key*
# Debian's first-boot job would make new ones behind the lab's back.
systemctl mask --quiet systemd-firstboot.service
ln -sf /usr/share/zoneinfo/Asia/Ho_Chi_Minh /etc/localtime
