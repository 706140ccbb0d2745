#!/bin/sh
# DokuWiki as Debian packages it: pages and accounts are files, there is no database. STACK: nginx or apache.
debconf-set-selections <<'CONF'
dokuwiki dokuwiki/webservers multiselect
dokuwiki dokuwiki/system/accessible select global
dokuwiki dokuwiki/wiki/title string Cong thong tin
dokuwiki dokuwiki/wiki/superuser string quantri
dokuwiki dokuwiki/wiki/password password quan-Tri-trang-3
dokuwiki dokuwiki/wiki/confirm password quan-Tri-trang-3
CONF
installed dokuwiki php-xml php-gd php-mbstring
hash=$(php -r 'echo crypt($argv[1], "\$1\$abcdefgh\$");' 'bien-Tap-vien-7')
echo "bientap:$hash:Biên tập:bientap@lab.test:user" >>/var/lib/dokuwiki/acl/users.auth.php
case $STACK in
    nginx) rules='    location ~ ^/(data|conf|bin|inc|vendor)/ { deny all; }' ;;
    apache) rules='' ;;
esac
printf '%s\n' "$rules" | served wiki wiki.lab.test /usr/share/dokuwiki doku.php
curl -fsS --resolve wiki.lab.test:80:127.0.0.1 http://wiki.lab.test/doku.php | grep 'Cong thong tin' >/dev/null
