#!/bin/sh
# A website that a small office wrote by hand: articles in a database, a panel for its editors, a folder for uploads.
# STACK: nginx or apache; ENGINE: mariadb or postgresql.
case $ENGINE in
    postgresql) driver=pgsql ;;
    mariadb) driver=mysql ;;
esac
installed php-cli php-mbstring

root=/var/www/portal
password=$(random_password)
install -d "$root/config" "$root/templates" "$root/plugins"
install -d -o www-data -g www-data "$root/uploads"
cat >"$root/config/db.php" <<PHP
<?php
\$db['host'] = 'localhost';
\$db['name'] = 'portal';
\$db['user'] = 'portal';
\$db['password'] = '$password';
PHP
cat >"$root/common.php" <<PHP
<?php
require __DIR__ . '/config/db.php';
\$pdo = new PDO('$driver:host=' . \$db['host'] . ';dbname=' . \$db['name'], \$db['user'], \$db['password'],
    [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
foreach (glob(__DIR__ . '/plugins/*.php') as \$plugin) { require \$plugin; }
PHP
cat >"$root/index.php" <<'PHP'
<?php
require __DIR__ . '/common.php';
$articles = $pdo->query('SELECT title, body FROM articles WHERE published = 1 ORDER BY id DESC')->fetchAll();
require __DIR__ . '/templates/page.php';
PHP
cat >"$root/templates/page.php" <<'PHP'
<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Sở Công Thương tỉnh</title></head><body>
<h1>Sở Công Thương tỉnh</h1>
<?php foreach ($articles as $article): ?>
<h2><?= htmlspecialchars($article['title']) ?></h2><div><?= $article['body'] ?></div>
<?php endforeach ?>
</body></html>
PHP
cat >"$root/admin.php" <<'PHP'
<?php
require __DIR__ . '/common.php';
session_start();
if (isset($_POST['login'])) {
    $find = $pdo->prepare('SELECT password_hash FROM staff WHERE login = ?');
    $find->execute([$_POST['login']]);
    $right = password_verify($_POST['password'] ?? '', (string) $find->fetchColumn());
    if ($right) { session_regenerate_id(true); $_SESSION['login'] = $_POST['login']; }
}
if (empty($_SESSION['login'])) { http_response_code(403); exit('login'); }
if (isset($_POST['title'])) {
    $add = $pdo->prepare('INSERT INTO articles (title, body, published) VALUES (?, ?, 1)');
    $add->execute([$_POST['title'], $_POST['body']]);
    exit('saved');
}
if (isset($_FILES['file'])) {
    $name = basename($_FILES['file']['name']);
    if (!preg_match('/^[a-z0-9-]+\.(png|jpg|pdf)$/', $name)) { http_response_code(415); exit('refused'); }
    move_uploaded_file($_FILES['file']['tmp_name'], __DIR__ . '/uploads/' . $name);
    exit('uploaded');
}
echo 'welcome';
PHP
cat >/tmp/tables.sql <<'SQL'
CREATE TABLE staff (login VARCHAR(60) PRIMARY KEY, mail VARCHAR(100), password_hash VARCHAR(100), role VARCHAR(20));
CREATE TABLE access_keys (owner VARCHAR(60), name VARCHAR(60), key_hash VARCHAR(100));
CREATE TABLE settings (name VARCHAR(60) PRIMARY KEY, value VARCHAR(200));
INSERT INTO settings VALUES ('menu', 'Giới thiệu');
SQL
case $ENGINE in
    postgresql)
        id="id SERIAL PRIMARY KEY"
        runuser -u postgres -- psql -qX -c "CREATE ROLE portal LOGIN PASSWORD '$password'" -c 'CREATE DATABASE portal OWNER portal'
        run() { PGPASSWORD=$password psql -qX -v ON_ERROR_STOP=1 -h localhost -U portal portal; } ;;
    mariadb)
        id="id INT AUTO_INCREMENT PRIMARY KEY"
        mariadb -e "CREATE DATABASE portal CHARACTER SET utf8mb4; GRANT ALL ON portal.* TO portal@localhost IDENTIFIED BY '$password'"
        run() { mariadb --default-character-set=utf8mb4 portal; } ;;
esac
hash=$(php -r 'echo password_hash($argv[1], PASSWORD_BCRYPT);' 'bien-Tap-vien-7')
{
    cat /tmp/tables.sql
    echo "CREATE TABLE articles ($id, title VARCHAR(200), body TEXT, published INT);"
    echo "INSERT INTO staff VALUES ('quantri', 'quantri@lab.test', '$hash', 'admin'), ('bientap', 'bientap@lab.test', '$hash', 'editor');"
    echo "INSERT INTO articles (title, body, published) VALUES ('Giá xăng dầu', '<p>Thông báo của Sở Công Thương.</p>', 1);"
} | run
rm /tmp/tables.sql
chown -R root:www-data "$root/config" && chmod 0750 "$root/config" && chmod 0640 "$root/config/db.php"

case $STACK in
    nginx)
        rules='    location ~ ^/(config|templates|plugins)/ { deny all; }
    location ~ ^/uploads/.*\.php { deny all; }' ;;
    apache) rules='' ;;
esac
printf '%s\n' "$rules" | served portal portal.lab.test "$root" index.php
curl -fsS --resolve portal.lab.test:80:127.0.0.1 http://portal.lab.test/ | grep 'Giá xăng dầu' >/dev/null
