#!/bin/sh
# DokuWiki as Debian packages it: pages and accounts are files, there is no database. STACK: nginx or apache.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /
case $STACK in
    nginx) packages="nginx-light php-fpm" ;;
    apache) packages="apache2 libapache2-mod-php" ;;
esac
debconf-set-selections <<'CONF'
dokuwiki dokuwiki/webservers multiselect
dokuwiki dokuwiki/system/accessible select global
dokuwiki dokuwiki/wiki/title string Cong thong tin
dokuwiki dokuwiki/wiki/superuser string quantri
dokuwiki dokuwiki/wiki/password password quan-Tri-trang-3
dokuwiki dokuwiki/wiki/confirm password quan-Tri-trang-3
CONF
apt-get -qq update
# shellcheck disable=SC2086  # a list of words
apt-get -qq install -y --no-install-recommends dokuwiki php-xml php-gd php-mbstring curl cron $packages >/dev/null
hash=$(php -r 'echo crypt($argv[1], "\$1\$abcdefgh\$");' 'bien-Tap-vien-7')
echo "bientap:$hash:Biên tập:bientap@lab.test:user" >>/var/lib/dokuwiki/acl/users.auth.php
case $STACK in
    apache)
        cat >/etc/apache2/sites-available/wiki.conf <<'CONF'
<VirtualHost *:80>
    ServerName wiki.lab.test
    DocumentRoot /usr/share/dokuwiki
</VirtualHost>
CONF
        a2dissite -q 000-default >/dev/null
        a2ensite -q wiki >/dev/null
        systemctl restart apache2 ;;
    nginx)
        php=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
        cat >/etc/nginx/sites-available/wiki.conf <<CONF
server {
    listen 80;
    server_name wiki.lab.test;
    root /usr/share/dokuwiki;
    index doku.php;
    client_max_body_size 20m;
    location ~ ^/(data|conf|bin|inc|vendor)/ { deny all; }
    location ~ \.php\$ {
        try_files \$uri =404;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
        fastcgi_pass unix:/run/php/php$php-fpm.sock;
    }
}
CONF
        ln -sf /etc/nginx/sites-available/wiki.conf /etc/nginx/sites-enabled/wiki.conf
        rm -f /etc/nginx/sites-enabled/default
        systemctl restart "php$php-fpm" nginx ;;
esac
curl -fsS --resolve wiki.lab.test:80:127.0.0.1 http://wiki.lab.test/doku.php | grep 'Cong thong tin' >/dev/null
