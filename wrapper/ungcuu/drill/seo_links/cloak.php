<?php
// UNGCUU-DRILL-MARKER: inert. In the lab it shows a search engine one link to a machine that does not exist.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) === 0) {
    add_action('wp_footer', function () {
        if (stripos($_SERVER['HTTP_USER_AGENT'] ?? '', 'googlebot') !== false) {
            echo '<p><a href="http://@machine@.invalid/">@machine@</a></p>';
        }
    });
}
