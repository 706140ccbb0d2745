#!/bin/sh
# The lab's WordPress stands on nginx. STACK apache puts Apache in its place, as a site does that changes its server.
systemctl start mariadb
[ "$STACK" = apache ] || exit 0
# shellcheck disable=SC2046  # a list of packages
apt-get -qq purge -y nginx nginx-common $(dpkg-query -W -f '${Package} ' 'libnginx-mod-*' 2>/dev/null) >/dev/null
apt-get -qq update
apt-get -qq install -y --no-install-recommends apache2 >/dev/null
a2enmod -q proxy_fcgi ssl rewrite
a2dissite -q 000-default
cat >/etc/apache2/sites-available/portal.conf <<'CONF'
<VirtualHost *:80>
    ServerName portal.lab.test
    Include /etc/apache2/portal.inc
</VirtualHost>
<VirtualHost *:443>
    ServerName portal.lab.test
    Include /etc/apache2/portal.inc
    SSLEngine on
    SSLCertificateFile /etc/ssl/certs/portal.pem
    SSLCertificateKeyFile /etc/ssl/private/portal.key
</VirtualHost>
CONF
cat >/etc/apache2/portal.inc <<'CONF'
    DocumentRoot /var/www/portal
    DirectoryIndex index.php index.html
    <Directory /var/www/portal>
        AllowOverride All
        RewriteEngine On
        RewriteCond %{REQUEST_FILENAME} !-f
        RewriteCond %{REQUEST_FILENAME} !-d
        RewriteRule . /index.php [L]
    </Directory>
    <FilesMatch "\.php$">
        SetHandler "proxy:unix:/run/php/portal.sock|fcgi://localhost"
    </FilesMatch>
CONF
a2ensite -q portal
systemctl restart apache2
curl -sf -H 'Host: portal.lab.test' http://127.0.0.1/ | grep 'Sở Công Thương' >/dev/null
