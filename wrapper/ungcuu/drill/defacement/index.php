<?php
// UNGCUU-DRILL-MARKER: inert. In the lab it shows a page of the drill in place of the home page; elsewhere nothing.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) !== 0) {
    exit;
}
readfile(__DIR__ . '/@page@.html');
