"""What a web server's configuration says of its websites: read as the server reads it, and never believed."""

from __future__ import annotations

import random

import pytest

from ungcuu.hosts.discovery import apache, nginx, reading
from ungcuu.hosts.discovery.vhosts import websites

MAIN = "# configuration file /etc/nginx/nginx.conf:\n"


def http(*servers: str) -> str:
    """What `nginx -T` prints of one file with these parts."""
    return MAIN + "events {}\nhttp {\n" + "\n".join(servers) + "\n}\n"


def test_a_server_with_its_ports_names_and_certificates() -> None:
    (one,) = nginx.vhosts(
        http(
            """server { listen 80 default_server; listen [::]:80; listen 443 ssl http2; listen 127.0.0.1:8081;
            listen unix:/run/n.sock; server_name WWW.Example.vn example.vn _ *.example.vn ~^x; # a comment; {
            root "/var/www/a b"; ssl_certificate /etc/ssl/c.pem; ssl_certificate_key /etc/ssl/c.key;
            location ~ \\.php$ { fastcgi_pass unix:/run/php/a.sock; } }"""
        )
    )
    assert one.names == ("www.example.vn", "example.vn")
    assert one.ports == ((80, False), (443, True))
    assert one.root == "/var/www/a b"
    assert one.files == ("/etc/ssl/c.pem", "/etc/ssl/c.key")
    assert one.php == "unix:/run/php/a.sock"
    assert one.default


def test_includes_stand_in_their_place_and_lines_are_those_of_their_file() -> None:
    text = MAIN + "http { include /etc/nginx/sites-enabled/*; }\n"
    text += (
        "# configuration file /etc/nginx/sites-enabled/a:\n\nserver {\n include snippets/php.conf;\n root /srv/a; }\n"
    )
    text += "# configuration file /etc/nginx/snippets/php.conf:\nlocation ~ php { fastcgi_pass pool; }\n"
    (one,) = nginx.vhosts(text)
    assert one.place == "/etc/nginx/sites-enabled/a:2"
    assert (one.root, one.php) == ("/srv/a", "pool")


def test_a_server_that_only_redirects_adds_its_port_to_the_website() -> None:
    sites = websites(
        nginx.vhosts(
            http(
                "server { listen 80; server_name a.vn; return 301 https://a.vn$request_uri; }",
                "server { listen 443 ssl; server_name a.vn; root /srv/a; }",
                "server { listen 80; server_name b.vn; location / { proxy_pass http://127.0.0.1:3000; } }",
            )
        )
    )
    assert [(site.label, site.root, site.ports) for site in sites] == [("a.vn", "/srv/a", ((80, False), (443, True)))]


def test_aliases_and_upstreams() -> None:
    text = http(
        "upstream php { server unix:/run/php/w.sock; server 127.0.0.1:9001; }",
        """server { server_name a.vn; root /srv/a; location ^~ /wiki/ { alias /usr/share/wiki/; }
        location /shop { root /srv; } location ~ \\.php$ { fastcgi_pass php; } }""",
    )
    (one,) = nginx.vhosts(text)
    assert one.php == "unix:/run/php/w.sock"
    assert one.ports == ((80, False),)
    assert one.aliases == (("/wiki", "/usr/share/wiki/"), ("/shop", "/srv/shop"))


def test_includes_in_circles_end() -> None:
    """A host that lies must not keep the controller busy. Seen failing without the bound on depth."""
    text = MAIN + "http { include /etc/nginx/nginx.conf; include nginx.conf; server { root /srv/a; } }"
    assert nginx.vhosts(text)


APACHE = {
    apache.MAIN: "Listen 80\nInclude ports.conf\nIncludeOptional none/*.conf\nIncludeOptional sites-enabled/*.conf\n",
    "/etc/apache2/ports.conf": """<IfModule ssl_module>
  Listen 443
</IfModule>
<IfModule mod_gnutls.c>
  Listen 444
</IfModule>
""",
    "/etc/apache2/sites-enabled/a.conf": """<VirtualHost *:80>
  ServerName a.vn:80
  ServerAlias www.a.vn *.a.vn
  Redirect permanent / https://a.vn/
</VirtualHost>
<VirtualHost *:443 [::]:443>
  ServerName a.vn
  DocumentRoot "/srv/a"
  Alias /wiki \\
        /usr/share/wiki/
  SSLEngine on
  SSLCertificateFile /etc/ssl/a.pem
  Include php.inc
</VirtualHost>
<VirtualHost *:443>
  ServerName b.vn
  DocumentRoot /srv/b
  <Directory /srv/b>
    SetHandler none
  </Directory>
</VirtualHost>
""",
    "/etc/apache2/php.inc": '<FilesMatch "\\.php$">\nSetHandler "proxy:unix:/run/php/a.sock|fcgi://localhost"\n</FilesMatch>\n',
}
MODULES = " ssl_module (shared)\n php_module (shared)\n"


def test_virtual_hosts_of_one_file_are_known_apart() -> None:
    sites = websites(apache.vhosts(apache.Config(APACHE, said=MODULES)))
    rows = {site.label: (site.root, site.ports, site.php) for site in sites}
    assert rows == {
        "a.vn": ("/srv/a", ((80, False), (443, True)), "unix:/run/php/a.sock"),
        "a.vn/wiki": ("/usr/share/wiki", ((80, False), (443, True)), "unix:/run/php/a.sock"),
        "b.vn": ("/srv/b", ((443, False),), "mod_php"),
    }
    assert sites[0].names == ("a.vn",)
    assert sites[0].places == ("/etc/apache2/sites-enabled/a.conf:6",)


def test_what_apache_does_not_list_is_not_in_force() -> None:
    """A section that this reader takes as in force, and Apache does not."""
    listed = "*:443  a.vn (/etc/apache2/sites-enabled/a.conf:6)\n"
    found = apache.vhosts(apache.Config(APACHE, said=listed + MODULES))
    assert [one.names for one in found] == [("a.vn",)]


def test_the_main_server_where_there_is_no_virtual_host() -> None:
    files = {apache.MAIN: "Listen 0.0.0.0:8080\nServerName c.vn\nDocumentRoot /srv/c\n"}
    (one,) = apache.vhosts(apache.Config(files, said='User: name="www-data" id=33\n'))
    assert (one.names, one.ports, one.root, one.php) == (("c.vn",), ((8080, False),), "/srv/c", "")
    assert apache.Config(files, said='User: name="www-data" id=33\n').user == "www-data"


PIECES = [
    *"{};#\"'\\\n <>/*$~|:=", "server", "listen", "http", "include", "root", "443", "ssl", "/etc/nginx/nginx.conf",
    "<VirtualHost *:80>", "</VirtualHost>", "<IfModule !x>", "ServerName", "Include", "é", "\x00", "${", "}",
    "# configuration file /etc/nginx/a.conf:\n",
]  # fmt: skip # a table


@pytest.mark.parametrize("seed", range(200))
def test_no_text_breaks_the_readers(seed: int) -> None:
    """A host's text may be anything: what comes of it has the declared form, or nothing comes of it."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, guards nothing
    text = "".join(chance.choice(PIECES) + chance.choice(["", " "]) for _ in range(chance.randrange(400)))
    found = nginx.vhosts(MAIN + "http {" + text) + apache.vhosts(apache.Config({apache.MAIN: text}, said=text))
    for one in found:
        assert all(0 <= port < 65536 for port, _tls in one.ports)
        assert all(nginx.plain_name(name) for name in one.names)
    websites(found)


def test_deep_nesting_ends() -> None:
    """Recursion that a host decides on would end in a fault. Seen failing without the bound on depth."""
    nginx.vhosts(MAIN + "http " + "{ a " * 50000)
    apache.vhosts(apache.Config({apache.MAIN: "<Directory />\n" * 50000 + "Listen 80\n"}))


def test_a_virtual_host_that_was_not_read_is_named() -> None:
    """One that a macro makes has its place in Apache's list, and no section in the files."""
    told = {"apache": {"files": APACHE, "said": MODULES + "\n*:80 m.vn (/etc/apache2/macro.conf:3)\n"}}
    served = {**told, "listening": [[80, "apache2"]]}
    assert reading._unread(served) == ["apache2: /etc/apache2/macro.conf:3"]
