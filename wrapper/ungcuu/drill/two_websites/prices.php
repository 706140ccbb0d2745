<?php
// The home page of the drill's own old website: a table of prices from its database.
require __DIR__ . '/config.php';
$db = new mysqli('localhost', DB_USER, DB_PASSWORD, DB_NAME);
$db->set_charset('utf8mb4');
echo '<!doctype html><meta charset="utf-8"><title>Bảng giá</title><h1>Bảng giá nông sản</h1><ul>';
foreach ($db->query('SELECT ten, gia FROM bang_gia ORDER BY id') as $row) {
    echo '<li>', htmlspecialchars($row['ten']), ': ', (int) $row['gia'], '</li>';
}
echo '</ul>';
