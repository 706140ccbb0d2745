# By a person of the drill: nobody needs the upload any more, and the old website's account leaves the portal's group.
# Its running processes still have the group until the server is started again.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
rm /var/www/gia/gui-anh.php
gpasswd -d gia portal >/dev/null
systemctl restart "php$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')-fpm"
