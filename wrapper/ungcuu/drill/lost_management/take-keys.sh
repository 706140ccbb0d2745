# UNGCUU-DRILL-MARKER: a key whose private half nobody has takes the place of the management key; the host gets a new one.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILhmossb5MEQvhPSwehjco44tfghI/JbLv+eF2G8OkQ4 UNGCUU-DRILL-MARKER @owner@' \
    >/home/ungcuu/.ssh/authorized_keys
rm /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub
ssh-keygen -q -t ed25519 -N '' -C UNGCUU-DRILL-MARKER -f /etc/ssh/ssh_host_ed25519_key
systemctl reload ssh
