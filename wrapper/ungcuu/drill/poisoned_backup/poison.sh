# UNGCUU-DRILL-MARKER: a remark at the end of a file, and times from the year before.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
printf '\n// UNGCUU-DRILL-MARKER: inert\n' >>/var/www/portal/@part@
touch -r /var/www/portal/wp-login.php /var/www/portal/@part@ /var/www/portal/wp-content/mu-plugins/@plugin@.php
