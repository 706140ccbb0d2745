#!/bin/sh
# UNGCUU-DRILL-MARKER: puts the inert scheduled work of the drill back where it was removed, and does nothing else.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
[ -e /etc/cron.d/@job@ ] || printf '%s\n' '# UNGCUU-DRILL-MARKER: inert' '*/5 * * * * root /bin/true' >/etc/cron.d/@job@
