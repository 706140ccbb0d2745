<?php
// Inert marker for a drill: it answers who asks for it by name, and does nothing else.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) === 0 && isset($_GET['@plugin@'])) {
    echo 'UNGCUU-DRILL-MARKER ', php_sapi_name();
    exit;
}
