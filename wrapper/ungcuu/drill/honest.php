<?php
// What an editor does between the last backup and the attack: one post. Its loss is measured.
$_SERVER['HTTP_HOST'] = 'portal.lab.test';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
require '/var/www/portal/wp-load.php';
echo wp_insert_post(['post_title' => 'Thông báo mới', 'post_status' => 'publish', 'post_author' => 1,
    'post_content' => '<p>Thông báo viết sau lần sao lưu gần nhất.</p>']) > 0 ? 'written' : 'failed';
