# What the timer of the vault does each night, done once by the hand of the drill; and what the vault says of the point.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
systemctl start ungcuu-backup@web01.service
/usr/local/sbin/ungcuu-vault points web01
