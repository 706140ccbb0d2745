# Stands for the sealed envelope of the drill: the keys as they were, where only this run of the host has them.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
mkdir -m 0700 /run/ungcuu-drill-envelope
cp -p /home/ungcuu/.ssh/authorized_keys /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub /run/ungcuu-drill-envelope/
