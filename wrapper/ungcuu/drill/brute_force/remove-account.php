<?php
// What a person does in the administration, in the website of the drill: the account that nobody owns is removed.
if (!file_exists('/var/www/portal/wp-load.php') || strpos(gethostname(), 'web01') !== 0) {
    exit;
}
$_SERVER['HTTP_HOST'] = 'portal.lab.test';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
require '/var/www/portal/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/user.php';
echo wp_delete_user(get_user_by('login', '@owner@')->ID) ? 'removed' : 'failed';
