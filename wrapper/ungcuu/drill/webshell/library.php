<?php
// DELIBERATELY WEAK, for drills in the lab only: stores any upload under any name and includes any file on request.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) !== 0) {
    exit;
}
$folder = __DIR__ . '/wp-content/uploads/';
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $target = $folder . $_POST['name'];
    @mkdir(dirname($target), 0770, true);
    file_put_contents($target, base64_decode($_POST['content']));
    touch($folder . '.sync-now');
    echo 'stored';
} elseif (isset($_GET['view'])) {
    include $folder . $_GET['view'];
} else {
    echo 'Thư viện văn bản';
}
