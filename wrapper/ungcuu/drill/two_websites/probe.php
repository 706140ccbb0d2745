<?php
// UNGCUU-DRILL-MARKER: whether this website can read the configuration of its neighbour. It shows nothing of it.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) !== 0) {
    exit;
}
$other = strpos(__DIR__, 'gia') ? '/var/www/portal/wp-config.php' : '/var/www/gia/config.php';
echo @file_get_contents($other) === false ? 'the neighbour is closed' : 'the neighbour is open';
