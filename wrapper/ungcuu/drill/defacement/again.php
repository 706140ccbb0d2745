<?php
// UNGCUU-DRILL-MARKER: inert. In the lab it shows the page of the drill again, whoever puts the home page right.
add_action('template_redirect', function () {
    if (is_front_page() && strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) === 0) {
        readfile(ABSPATH . '@page@.html');
        exit;
    }
});
