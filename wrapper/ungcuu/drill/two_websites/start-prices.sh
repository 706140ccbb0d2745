# Of the old website, in the drill's own lab: its pages get their owner and rights, and the servers take it in.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
chown -R root:gia /var/www/gia
chown gia:gia /var/www/gia/anh
chmod 0640 /var/www/gia/*.php
nginx -t -q
systemctl restart nginx "php$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')-fpm"
