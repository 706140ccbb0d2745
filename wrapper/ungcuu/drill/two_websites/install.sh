# DELIBERATELY WEAK, for drills in the lab only: an old website of prices beside the portal. Somebody once put its account
# into the portal's group, so that it could show the portal's pictures.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
php=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
useradd -r --home-dir /nonexistent --shell /usr/sbin/nologin --groups portal gia
usermod -aG gia www-data
install -d -o root -g gia -m 0750 /var/www/gia
install -d -o gia -g gia -m 0750 /var/www/gia/anh
password=$(openssl rand -hex 24)
mariadb <<SQL
SET NAMES utf8mb4;
CREATE DATABASE gia CHARACTER SET utf8mb4;
USE gia;
CREATE TABLE bang_gia (id INT PRIMARY KEY, ten VARCHAR(100), gia INT);
INSERT INTO bang_gia SELECT seq, CONCAT('Mặt hàng ', seq), 1000 * seq FROM seq_1_to_20;
CREATE USER gia@localhost IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON gia.* TO gia@localhost;
SQL
cat >/var/www/gia/config.php <<PHP
<?php
define('DB_NAME', 'gia');
define('DB_USER', 'gia');
define('DB_PASSWORD', '$password');
PHP
cat >"/etc/php/$php/fpm/pool.d/gia.conf" <<CONF
[gia]
user = gia
group = gia
listen = /run/php/gia.sock
listen.owner = www-data
listen.group = www-data
pm = static
pm.max_children = 2
CONF
cat >/etc/nginx/sites-available/gia.conf <<'CONF'
server {
    listen 80;
    listen [::]:80;
    server_name gia.lab.test;
    root /var/www/gia;
    index index.php;
    location ~ \.php$ {
        try_files $uri =404;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        fastcgi_pass unix:/run/php/gia.sock;
    }
}
CONF
ln -s /etc/nginx/sites-available/gia.conf /etc/nginx/sites-enabled/gia.conf
install -d "/etc/systemd/system/php$php-fpm.service.d"
printf '[Service]\nReadWritePaths=/var/www/gia/anh\n' >"/etc/systemd/system/php$php-fpm.service.d/gia.conf"
systemctl daemon-reload
