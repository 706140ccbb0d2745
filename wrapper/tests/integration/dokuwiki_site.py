"""Two more applications beside a MediaWiki: DokuWiki, and a site written by hand."""

from __future__ import annotations

DOKUWIKI = """
set -e; export DEBIAN_FRONTEND=noninteractive
echo 'dokuwiki dokuwiki/system/accessible select global
dokuwiki dokuwiki/wiki/superuser string admin
dokuwiki dokuwiki/wiki/password password mot-mat-khau-9
dokuwiki dokuwiki/wiki/confirm password mot-mat-khau-9' | debconf-set-selections
apt-get -qq install -y --no-install-recommends dokuwiki >/dev/null
cat > /etc/apache2/sites-available/doku.conf <<CONF
<VirtualHost *:80>
    ServerName doku.lab.test
    DocumentRoot /usr/share/dokuwiki
    <Directory /usr/share/dokuwiki>
        Require all granted
    </Directory>
</VirtualHost>
CONF
cat > /etc/apache2/sites-available/tay.conf <<CONF
<VirtualHost *:80>
    ServerName tay.lab.test
    DocumentRoot /var/www/tay
</VirtualHost>
CONF
install -d /var/www/tay
a2ensite -q doku tay >/dev/null; systemctl reload apache2
"""
