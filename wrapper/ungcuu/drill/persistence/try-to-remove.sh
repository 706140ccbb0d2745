# What the first clean-up of the drill did: the scheduled work alone is removed, and is back within seconds.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
rm /etc/cron.d/@job@
for round in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.5
    [ ! -e /etc/cron.d/@job@ ] || { echo it came back; exit; }
done
