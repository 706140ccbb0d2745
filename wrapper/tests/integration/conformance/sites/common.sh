# What the recipes of these sites share: packages, a password, one website on its web server. site.py puts it before each.
# STACK: nginx or apache; ENGINE, where the site has a database: mariadb or postgresql.
# shellcheck shell=sh
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /
case $STACK in
    nginx) server="nginx-light php-fpm" ;;
    apache) server="apache2 libapache2-mod-php" ;;
esac
case ${ENGINE:-none} in
    postgresql) engine="postgresql php-pgsql" ;;
    mariadb) engine="mariadb-server php-mysql" ;;
    none) engine="" ;;
esac

# installed PACKAGE...: these, the web server and the database are there, and the database runs.
installed() {
    apt-get -qq update
    # shellcheck disable=SC2086  # lists of words
    apt-get -qq install -y --no-install-recommends curl cron "$@" $server $engine >/dev/null
    [ -z "$engine" ] || systemctl start "$ENGINE"
}

random_password() { head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# Where PHP-FPM listens, once it is installed.
php_socket() { php -r 'echo "/run/php/php", PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION, "-fpm.sock";'; }

# served NAME HOST ROOT INDEX: the website answers; further rules, of the web server's own kind, on standard input. For
# nginx they stand before the one for PHP.
served() {
    name=$1 host=$2 place=$3 index=$4
    case $STACK in
        apache)
            {
                printf '<VirtualHost *:80>\n    ServerName %s\n    DocumentRoot %s\n' "$host" "$place"
                cat
                printf '</VirtualHost>\n'
            } >"/etc/apache2/sites-available/$name.conf"
            a2dissite -q 000-default >/dev/null
            a2ensite -q "$name" >/dev/null
            systemctl restart apache2 ;;
        nginx)
            socket=$(php_socket)
            {
                printf 'server {\n    listen 80;\n    server_name %s;\n    root %s;\n' "$host" "$place"
                printf '    index %s;\n    client_max_body_size 20m;\n' "$index"
                cat
                cat <<CONF
    location ~ \.php\$ {
        try_files \$uri =404;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
        fastcgi_pass unix:$socket;
    }
}
CONF
            } >"/etc/nginx/sites-available/$name.conf"
            ln -sf "/etc/nginx/sites-available/$name.conf" "/etc/nginx/sites-enabled/$name.conf"
            rm -f /etc/nginx/sites-enabled/default
            systemctl restart "$(basename "$socket" .sock)" nginx ;;
    esac
}
