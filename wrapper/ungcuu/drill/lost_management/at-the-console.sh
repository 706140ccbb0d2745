# What a person of the drill types at the console: the keys out of the envelope; what the intruder left stays as evidence.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
cp -p /run/ungcuu-drill-envelope/ssh_host_ed25519_key /run/ungcuu-drill-envelope/ssh_host_ed25519_key.pub /etc/ssh/
cat /run/ungcuu-drill-envelope/authorized_keys >>/home/ungcuu/.ssh/authorized_keys
sed -i 's/^DenyUsers/# DenyUsers/' /etc/ssh/sshd_config.d/@settings@.conf
systemctl reload ssh
