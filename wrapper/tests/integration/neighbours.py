"""Websites beside each other on one host: what a small office has, installed on the lab's web01.

- mot.lab.test is written by hand, and its own flood guard lets nobody ask more than 40 times a minute;
- wiki.lab.test is Debian's DokuWiki, in the same PHP-FPM pool;
- tailieu.lab.test is a folder that nginx lists;
- portal.lab.test, from the lab's image, is WordPress in a pool of its own.
"""

from __future__ import annotations

MOT = """<?php
// A flood guard as applications bring it: ten requests in fifteen seconds, for each address.
if (is_file(__DIR__ . '/guard')) {
    $file = fopen('/tmp/mot-' . md5($_SERVER['REMOTE_ADDR']), 'c+');
    flock($file, LOCK_EX);
    $seen = array_filter(explode(' ', stream_get_contents($file)), fn ($time) => (float) $time > microtime(true) - 15);
    if (count($seen) >= 10) { http_response_code(429); header('Retry-After: 15'); exit('busy'); }
    ftruncate($file, 0); rewind($file);
    fwrite($file, implode(' ', [...$seen, microtime(true)]));
}
$db = new PDO('mysql:unix_socket=/run/mysqld/mysqld.sock;dbname=mot', 'www-data');
$title = $db->query('SELECT title FROM pages')->fetchColumn();
?><!doctype html><html><head><title><?= $title ?></title></head><body><h1><?= $title ?></h1>
<p>Bảng giá tuần này</p></body></html>
"""

# The panel of the website that is written by hand: one address for the login and for all that an editor does.
PANEL_PATH = "/admin/index.php"
PANEL = """<?php
session_start();
if (isset($_POST['password'])) { $_SESSION['editor'] = $_POST['password'] === 'only-in-the-lab'; }
if (empty($_SESSION['editor'])) { http_response_code(403); exit('login'); }
echo 'saved ', strlen($_POST['text'] ?? '');
"""

INSTALL = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
echo 'dokuwiki dokuwiki/webservers multiselect ' | debconf-set-selections
apt-get update -q && apt-get install -y -q --no-install-recommends dokuwiki
php=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
cat > /etc/php/$php/fpm/pool.d/www.conf <<CONF
[www]
user = www-data
group = www-data
listen = /run/php/shared.sock
listen.owner = www-data
listen.group = www-data
pm = static
pm.max_children = 4
CONF
install -d /var/www/mot/admin /srv/tailieu
cat > /var/www/mot/index.php
printf 'Thong bao\n' > /srv/tailieu/thong-bao.txt
mariadb <<SQL
CREATE DATABASE mot CHARACTER SET utf8mb4;
CREATE TABLE mot.pages (title VARCHAR(200));
INSERT INTO mot.pages VALUES ('Chợ đầu mối');
CREATE USER 'www-data'@localhost IDENTIFIED VIA unix_socket;
GRANT SELECT ON mot.* TO 'www-data'@localhost;
SQL
cat > /etc/nginx/snippets/shared-php.conf <<CONF
index index.php doku.php;
location ~ \.php\$ {
    include fastcgi_params;
    fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
    fastcgi_pass shared;
}
CONF
cat > /etc/nginx/conf.d/upstream.conf <<CONF
upstream shared { server unix:/run/php/shared.sock; }
CONF
for site in mot:/var/www/mot wiki:/usr/share/dokuwiki; do
    cat > /etc/nginx/sites-available/${site%%:*}.conf <<CONF
server {
    listen 80;
    server_name ${site%%:*}.lab.test;
    root ${site#*:};
    include snippets/shared-php.conf;
}
CONF
done
cat > /etc/nginx/sites-available/tailieu.conf <<CONF
server {
    listen 80;
    server_name tailieu.lab.test;
    root /srv/tailieu;
    autoindex on;
}
CONF
for site in mot wiki tailieu; do ln -sf /etc/nginx/sites-available/$site.conf /etc/nginx/sites-enabled/$site.conf; done
systemctl restart php$php-fpm nginx
for site in mot wiki tailieu portal; do curl -sfL -o /dev/null -H "Host: $site.lab.test" http://127.0.0.1/; done
"""

FACTS = {
    "website_name": "mot.lab.test",
    "website_root": "/var/www/mot",
    "website_writable_paths": [],
    "website_user": "www-data",
    "website_application": "php",
    "website_health_path": "/",
    "website_health_text": "Chợ đầu mối",
    "website_ports": [80],
    "website_database_name": "mot",
}
