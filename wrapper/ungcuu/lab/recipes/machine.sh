#!/bin/sh
# What a lab host needs to boot by itself: a kernel, its network from the lab, and the lab's back door.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
apt-get update -q
apt-get install -y -q --no-install-recommends \
    "linux-image-cloud-$(dpkg --print-architecture)" initramfs-tools qemu-guest-agent systemd-timesyncd
printf '/dev/vda / ext4 defaults,errors=remount-ro 0 1\n' > /etc/fstab
# Name, address and keys come on a second disk, a bare tar archive, and lie on the first one from then on.
cat > /etc/systemd/system/lab-seed.service <<'UNIT'
[Unit]
Description=Name, address and keys of this lab host
DefaultDependencies=no
After=local-fs.target
Before=network-pre.target systemd-networkd.service ssh.service sysinit.target
Wants=network-pre.target
ConditionPathExists=!/etc/ungcuu-lab-seeded
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=tar -xf /dev/vdb -C / --no-same-owner --overwrite
ExecStart=chown -R ungcuu:ungcuu /home/ungcuu/.ssh
ExecStart=hostname -F /etc/hostname
ExecStart=touch /etc/ungcuu-lab-seeded
[Install]
WantedBy=sysinit.target
UNIT
systemctl enable --quiet lab-seed.service systemd-networkd.service
apt-get clean
rm -rf /var/lib/apt/lists/*
