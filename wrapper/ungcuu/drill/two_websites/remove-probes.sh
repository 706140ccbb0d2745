# By a person of the drill: what tried the neighbours is taken away again.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
rm /var/www/gia/thu-doc.php /var/www/portal/thu-doc.php
