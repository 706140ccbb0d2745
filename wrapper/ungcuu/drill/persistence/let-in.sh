# UNGCUU-DRILL-MARKER: a key whose private half nobody has, and an account without a password. The units start.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILhmossb5MEQvhPSwehjco44tfghI/JbLv+eF2G8OkQ4 UNGCUU-DRILL-MARKER' \
    >>/home/ungcuu/.ssh/authorized_keys
echo '@account@:x:0:0:UNGCUU-DRILL-MARKER:/nonexistent:/bin/bash' >>/etc/passwd
echo '@account@:!:20000:0:99999:7:::' >>/etc/shadow
systemctl daemon-reload
systemctl enable --now --quiet @unit@.path @unit@.timer
