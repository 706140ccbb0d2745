# UNGCUU-DRILL-MARKER: what the intruder noted, on a disk of the running machine alone: the passwords that were found.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
umask 0077
grep -ho "'DB_PASSWORD', '[0-9a-f]*'" /var/www/portal/wp-config.php | cut -d "'" -f 4 >/run/ungcuu-drill-portal
grep -ho "'DB_PASSWORD', '[0-9a-f]*'" /var/www/gia/config.php | cut -d "'" -f 4 >/run/ungcuu-drill-gia
