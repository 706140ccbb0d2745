<?php
// The corrected page of the drill: nobody is given or allowed anything who has not logged in.
require dirname(__DIR__, 3) . '/wp-load.php';
if (!current_user_can('upload_files')) {
    status_header(403);
    exit('Cần đăng nhập');
}
require __DIR__ . '/form.php';
