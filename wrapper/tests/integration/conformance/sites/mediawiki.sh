#!/bin/sh
# MediaWiki as Debian packages it, set up by its own installer, uploads allowed. STACK: nginx or apache; ENGINE: mariadb
# or postgresql.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /
case $ENGINE in
    postgresql) packages="postgresql php-pgsql" dbtype=postgres ;;
    mariadb) packages="mariadb-server php-mysql" dbtype=mysql ;;
esac
case $STACK in
    nginx) packages="$packages nginx-light php-fpm" ;;
    apache) packages="$packages apache2 libapache2-mod-php" ;;
esac
apt-get -qq update
# shellcheck disable=SC2086  # a list of words
apt-get -qq install -y --no-install-recommends mediawiki php-mbstring php-xml php-intl php-cli php-gd curl cron $packages >/dev/null
systemctl start "$ENGINE"
password=$(head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n')
case $ENGINE in
    postgresql)
        runuser -u postgres -- psql -qX -c "CREATE ROLE wiki LOGIN PASSWORD '$password'" -c 'CREATE DATABASE wiki OWNER wiki' ;;
    mariadb) mariadb -e "CREATE DATABASE wiki; GRANT ALL ON wiki.* TO wiki@localhost IDENTIFIED BY '$password'" ;;
esac
php /var/lib/mediawiki/maintenance/install.php --dbtype "$dbtype" --dbserver localhost --dbname wiki --dbuser wiki \
    --dbpass "$password" --dbschema mediawiki --server http://wiki.lab.test --scriptpath '' --pass 'quan-Tri-trang-3' \
    'Cong thong tin' Quantri >/dev/null
sed -i 's/^\$wgEnableUploads = false/$wgEnableUploads = true/' /etc/mediawiki/LocalSettings.php
php /var/lib/mediawiki/maintenance/createAndPromote.php Bientap 'bien-Tap-vien-7' >/dev/null
case $STACK in
    apache)
        cat >/etc/apache2/sites-available/wiki.conf <<'CONF'
<VirtualHost *:80>
    ServerName wiki.lab.test
    DocumentRoot /var/lib/mediawiki
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
    root /var/lib/mediawiki;
    index index.php;
    client_max_body_size 20m;
    location / { try_files \$uri \$uri/ @wiki; }
    location @wiki { rewrite ^/(.*)\$ /index.php?title=\$1&\$args; }
    location ~ ^/images/.*\.php { deny all; }
    location ~ \.php(/|\$) {
        fastcgi_split_path_info ^(.+\.php)(/.*)\$;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
        fastcgi_param PATH_INFO \$fastcgi_path_info;
        fastcgi_pass unix:/run/php/php$php-fpm.sock;
    }
}
CONF
        ln -sf /etc/nginx/sites-available/wiki.conf /etc/nginx/sites-enabled/wiki.conf
        rm -f /etc/nginx/sites-enabled/default
        systemctl restart "php$php-fpm" nginx ;;
esac
curl -fsSL --resolve wiki.lab.test:80:127.0.0.1 http://wiki.lab.test/ | grep 'MediaWiki has been installed' >/dev/null
