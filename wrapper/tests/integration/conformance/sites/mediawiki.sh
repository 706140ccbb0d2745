#!/bin/sh
# MediaWiki as Debian packages it, set up by its own installer, uploads allowed. STACK: nginx or apache; ENGINE: mariadb
# or postgresql.
case $ENGINE in
    postgresql) dbtype=postgres ;;
    mariadb) dbtype=mysql ;;
esac
installed mediawiki php-mbstring php-xml php-intl php-cli php-gd
password=$(random_password)
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
    nginx)
        rules=$(cat <<CONF
    location / { try_files \$uri \$uri/ @wiki; }
    location @wiki { rewrite ^/(.*)\$ /index.php?title=\$1&\$args; }
    location ~ ^/images/.*\.php { deny all; }
    location ~ \.php(/|\$) {
        fastcgi_split_path_info ^(.+\.php)(/.*)\$;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
        fastcgi_param PATH_INFO \$fastcgi_path_info;
        fastcgi_pass unix:$(php_socket);
    }
CONF
        ) ;;
    apache) rules='' ;;
esac
printf '%s\n' "$rules" | served wiki wiki.lab.test /var/lib/mediawiki index.php
curl -fsSL --resolve wiki.lab.test:80:127.0.0.1 http://wiki.lab.test/ | grep 'MediaWiki has been installed' >/dev/null
