<?php
// DELIBERATELY WEAK, for drills in the lab only: takes a file from anybody, whatever it is, and shows a form that the asker chooses.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) !== 0) {
    exit;
}
if (isset($_FILES['attachment'])) {
    $uploads = dirname(__DIR__, 2) . '/uploads/2026/';
    echo move_uploaded_file($_FILES['attachment']['tmp_name'], $uploads . basename($_FILES['attachment']['name'])) ? 'stored' : 'failed';
    exit;
}
$form = str_replace("\0", '', $_GET['form'] ?? 'form');
require __DIR__ . '/' . $form . '.php';
