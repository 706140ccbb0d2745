<?php
// The corrected page of the drill: what a visitor types is a parameter of the query, and never a part of it.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) !== 0) {
    exit;
}
define('SHORTINIT', true);
require __DIR__ . '/wp-load.php';
$typed = '%' . $wpdb->esc_like($_GET['q'] ?? '') . '%';
$rows = $wpdb->get_col($wpdb->prepare('SELECT tieu_de FROM cau_hoi WHERE tieu_de LIKE %s LIMIT 5', $typed));
echo '<!doctype html><meta charset="utf-8"><h1>Tra cứu câu hỏi</h1><ul>';
foreach ($rows as $row) {
    echo '<li>', htmlspecialchars($row), '</li>';
}
echo '</ul>';
