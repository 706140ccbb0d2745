<?php
// What WordPress works out again by itself when a page asks for it: which categories stand below which. It keeps that
// among its options. Before two moments are compared it is worked out in both, and compared like each other row.
$_SERVER['HTTP_HOST'] = 'portal.lab.test';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
require '/var/www/portal/wp-load.php';
foreach (get_taxonomies(['hierarchical' => true]) as $taxonomy) {
    _get_term_hierarchy($taxonomy);
}
echo 'filled';
