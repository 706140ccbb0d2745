#!/bin/sh
# NukeViet from its released source, which the suite has laid into /tmp/source, by its own installer.
# STACK: nginx or apache.
installed php-cli php-gd php-xml php-curl php-mbstring php-zip

root=/var/www/portal
password=$(random_password)
mkdir -p "$root"
cp -R /tmp/source/. "$root/"
rm -rf /tmp/source "$root/.git" "$root/.github" "$root/.gitattributes" "$root/.gitignore"
chown -R root:root "$root"
# What its installer wants to be writable.
for folder in assets uploads data/cache data/config data/logs data/tmp; do chown -R www-data:www-data "$root/$folder"; done
mariadb -e "CREATE DATABASE portal CHARACTER SET utf8mb4; GRANT ALL ON portal.* TO portal@localhost IDENTIFIED BY '$password'"

case $STACK in
    apache)
        a2enmod -q rewrite headers expires >/dev/null
        rules="    <Directory $root>
        AllowOverride All
    </Directory>" ;;
    nginx)
        # The rules of the .htaccess that NukeViet ships, as its manual gives them for nginx.
        rules='    location ~ ^/(data/ip6?|includes|install/tpl|vendor|assets/tpl|data/cache|data/certs|data/logs)/ { return 404; }
    location ~ ^/(modules|themes|assets|data/config|data/tmp|uploads)/.*\.(php|inc|ini|tpl|xml)$ { return 404; }
    location ~ /(config|mainfile)\.php$ { return 404; }
    location / { try_files $uri $uri/ /index.php?$args; }' ;;
esac
printf '%s\n' "$rules" | served portal portal.lab.test "$root" index.php

# Its installer, as a browser goes through it. It writes config.php and .htaccess into the root.
chown www-data:www-data "$root" "$root/.htaccess" "$root/robots.txt"
for folder in data_logs dump_backup error_logs error_logs/errors256 error_logs/old error_logs/tmp ip_logs ref_logs voting_logs; do
    install -d -o www-data -g www-data "$root/data/logs/$folder"
done
jar=$(mktemp)
installer=install/index.php
step() {
    number=$1
    shift
    # Without a referer of its own it refuses every form.
    curl -sS -L --resolve portal.lab.test:80:127.0.0.1 -A Mozilla/5.0 -e "http://portal.lab.test/$installer" \
        -b "$jar" -c "$jar" "$@" "http://portal.lab.test/$installer?language=vi&step=$number"
}
for number in 1 2 3 4; do step "$number" -o /dev/null; done
step 5 -o /dev/null -d dbtype=mysql -d dbhost=localhost -d dbname=portal -d dbuname=portal -d "dbpass=$password" -d prefix=nv4
step 6 -o /dev/null -d 'site_name=Cong thong tin' -d nv_login=quantri -d nv_email=quantri@lab.test -d nv_password=quan-Tri-trang-3 \
    -d re_password=quan-Tri-trang-3 -d question=mau -d answer_question=xanh
step 8 -o /dev/null
rm -rf "$jar" "$root/install"
test -s "$root/config.php"
chown root:root "$root" "$root/.htaccess" "$root/robots.txt"
chown root:www-data "$root/config.php"
chmod 0640 "$root/config.php"
# An editor: an administrator of the second of three levels.
hash=$(php -r '$s = bin2hex(random_bytes(2)); echo "{SSHA512}", base64_encode(hash("sha512", $argv[1] . $s, true) . $s);' 'bien-Tap-vien-7')
mariadb portal <<SQL
SET sql_mode = '';
INSERT INTO nv4_users (group_id, username, md5username, password, email, first_name, question, in_groups, active, email_verification_time)
  VALUES (2, 'bientap', MD5('bientap'), '$hash', 'bientap@lab.test', 'Bientap', 'mau', '2,4', 1, -3);
INSERT INTO nv4_users_info (userid) VALUES (LAST_INSERT_ID());
INSERT INTO nv4_authors (admin_id, editor, lev, files_level, position, susp_reason)
  SELECT userid, 'ckeditor', 2, 'documents,images|1|1|0', 'Bien tap', '' FROM nv4_users WHERE username = 'bientap';
SQL
curl -fsS --resolve portal.lab.test:80:127.0.0.1 -A Mozilla/5.0 -L http://portal.lab.test/ | grep 'Cong thong tin' >/dev/null
