<?php
// DELIBERATELY WEAK, for drills in the lab only: an editor who has an administrator's rights has a short password.
if (!file_exists('/var/www/portal/wp-load.php') || strpos(gethostname(), 'web01') !== 0) {
    exit;
}
$_SERVER['HTTP_HOST'] = 'portal.lab.test';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
require '/var/www/portal/wp-load.php';
$editor = get_user_by('login', 'bientap');
$editor->set_role('administrator');
wp_set_password('@password@', $editor->ID);
echo 'weak';
