<?php
// DELIBERATELY WEAK, for drills in the lab only: keeps any file that is sent, under the name that the sender chose.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) !== 0) {
    exit;
}
$folder = __DIR__ . '/anh/';
if ($_SERVER['REQUEST_METHOD'] === 'POST' && isset($_FILES['anh'])) {
    move_uploaded_file($_FILES['anh']['tmp_name'], $folder . basename($_FILES['anh']['name']));
    echo 'stored';
} else {
    echo 'Gửi ảnh bìa của bảng giá';
}
