<?php
// DELIBERATELY WEAK, for drills in the lab only: what a visitor types becomes a part of the query.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) !== 0) {
    exit;
}
define('SHORTINIT', true);
require __DIR__ . '/wp-load.php';
$typed = $_GET['q'] ?? '';
$rows = $wpdb->get_col("SELECT tieu_de FROM cau_hoi WHERE tieu_de LIKE '%" . $typed . "%' LIMIT 5");
echo '<!doctype html><meta charset="utf-8"><h1>Tra cứu câu hỏi</h1><ul>';
foreach ($rows as $row) {
    echo '<li>', htmlspecialchars($row), '</li>';
}
echo '</ul>';
