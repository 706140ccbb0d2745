#!/bin/sh
# web01: the website of a small public body, installed the way such sites are: Debian's nginx, PHP-FPM and MariaDB,
# WordPress in its own document root, code owned by root, one pool user, uploads writable.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
apt-get update -q
apt-get install -y -q --no-install-recommends \
    nginx php-fpm php-cli php-mysql php-gd php-xml php-mbstring php-curl php-zip php-intl \
    mariadb-server wordpress wordpress-theme-twentytwentythree curl cron openssl logrotate needrestart

name=portal.lab.test
root=/var/www/portal
php=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
secret() { openssl rand -hex 24; }

useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin portal
cp -aL /usr/share/wordpress "$root"
rm -f "$root/wp-config.php"
install -d "$root/wp-content/uploads" "$root/wp-content/languages"

database_password=$(secret)
mariadb <<SQL
CREATE DATABASE portal CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER portal@localhost IDENTIFIED BY '$database_password';
GRANT ALL PRIVILEGES ON portal.* TO portal@localhost;
SQL

cat > "$root/wp-config.php" <<PHP
<?php
define('DB_NAME', 'portal');
define('DB_USER', 'portal');
define('DB_PASSWORD', '$database_password');
define('DB_HOST', 'localhost');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('AUTH_KEY', '$(secret)');
define('SECURE_AUTH_KEY', '$(secret)');
define('LOGGED_IN_KEY', '$(secret)');
define('NONCE_KEY', '$(secret)');
define('AUTH_SALT', '$(secret)');
define('SECURE_AUTH_SALT', '$(secret)');
define('LOGGED_IN_SALT', '$(secret)');
define('NONCE_SALT', '$(secret)');
\$table_prefix = 'wp_';
define('WP_HOME', 'http://$name');
define('WP_SITEURL', 'http://$name');
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
if (!defined('ABSPATH')) { define('ABSPATH', __DIR__ . '/'); }
require_once ABSPATH . 'wp-settings.php';
PHP

cat > "/etc/php/$php/fpm/pool.d/portal.conf" <<CONF
[portal]
user = portal
group = portal
listen = /run/php/portal.sock
listen.owner = www-data
listen.group = www-data
pm = dynamic
pm.max_children = 10
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
php_admin_value[upload_max_filesize] = 16M
php_admin_value[post_max_size] = 20M
CONF
rm -f "/etc/php/$php/fpm/pool.d/www.conf"

openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
    -keyout /etc/ssl/private/portal.key -out /etc/ssl/certs/portal.pem 2>/dev/null
chmod 0600 /etc/ssl/private/portal.key
cat > /etc/nginx/sites-available/portal.conf <<CONF
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    listen 443 ssl default_server;
    listen [::]:443 ssl default_server;
    server_name $name;
    ssl_certificate /etc/ssl/certs/portal.pem;
    ssl_certificate_key /etc/ssl/private/portal.key;
    root $root;
    index index.php;
    client_max_body_size 20m;
    location / {
        try_files \$uri \$uri/ /index.php?\$args;
    }
    location ~ \.php\$ {
        try_files \$uri =404;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
        fastcgi_pass unix:/run/php/portal.sock;
    }
}
CONF
ln -sf /etc/nginx/sites-available/portal.conf /etc/nginx/sites-enabled/portal.conf
rm -f /etc/nginx/sites-enabled/default

chown -R root:portal "$root"
find "$root" -type d -exec chmod 0750 {} + -o -type f -exec chmod 0640 {} +
chown -R portal:portal "$root/wp-content/uploads"
# nginx serves static files itself, so its user reads what the pool's group reads.
usermod -aG portal www-data

printf '127.0.0.1 %s\n' "$name" >> /etc/hosts
runuser -u portal -- php < /dev/stdin <<'PHP'
<?php
// Installs the site for real: administrator, an editor, posts in Vietnamese, a page, media in the library.
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = 'portal.lab.test';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
require '/var/www/portal/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
require_once ABSPATH . 'wp-admin/includes/image.php';
wp_install('Sở Công Thương tỉnh', 'quantri', 'quantri@portal.lab.test', true, '', bin2hex(random_bytes(12)));
update_option('blogdescription', 'Cổng thông tin điện tử');
update_option('timezone_string', 'Asia/Ho_Chi_Minh');
wp_create_user('bientap', bin2hex(random_bytes(12)), 'bientap@portal.lab.test');
switch_theme('twentytwentythree');
$topics = ['Xúc tiến thương mại', 'Quản lý thị trường', 'Khuyến công', 'An toàn thực phẩm', 'Thương mại điện tử', 'Năng lượng'];
foreach ($topics as $number => $topic) {
    $image = imagecreatetruecolor(640, 360);
    imagefill($image, 0, 0, imagecolorallocate($image, 20 + 30 * $number, 90, 160));
    imagestring($image, 5, 40, 160, "portal.lab.test $number", imagecolorallocate($image, 255, 255, 255));
    ob_start();
    imagepng($image);
    $upload = wp_upload_bits("tin-$number.png", null, ob_get_clean());
    $media = wp_insert_attachment(['post_mime_type' => 'image/png', 'post_title' => $topic, 'post_status' => 'inherit'], $upload['file']);
    wp_update_attachment_metadata($media, wp_generate_attachment_metadata($media, $upload['file']));
    $post = wp_insert_post(['post_title' => "$topic: tin số $number", 'post_status' => 'publish', 'post_author' => 1,
        'post_content' => "<p>Thông báo về $topic của Sở Công Thương.</p><img src=\"{$upload['url']}\">"]);
    set_post_thumbnail($post, $media);
}
wp_insert_post(['post_title' => 'Giới thiệu', 'post_type' => 'page', 'post_status' => 'publish', 'post_content' => '<p>Cổng thông tin.</p>']);
PHP
sed -i "/ $name\$/d" /etc/hosts 2>/dev/null || { grep -v " $name\$" /etc/hosts > /tmp/hosts; cat /tmp/hosts > /etc/hosts; rm /tmp/hosts; }

nginx -t -q
systemctl enable --quiet nginx "php$php-fpm" mariadb
systemctl restart nginx "php$php-fpm"
curl -sf -H "Host: $name" http://127.0.0.1/ | grep -q 'Sở Công Thương'
systemctl stop mariadb
apt-get clean
rm -rf /var/lib/apt/lists/*
