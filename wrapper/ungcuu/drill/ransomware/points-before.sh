# UNGCUU-DRILL-MARKER: which restore points there are before the intruder comes. On disk of the running machine alone.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
/usr/local/sbin/ungcuu-vault points web01 >/run/ungcuu-drill-points
