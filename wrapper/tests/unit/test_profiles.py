"""Application profiles: data that is refused where it is wrong, and configuration files that are never run."""

from __future__ import annotations

import random

import pytest

from ungcuu.core.errors import ControllerFault, InventoryError
from ungcuu.hosts import profiles
from ungcuu.remote import site_config

WORDPRESS = """<?php
// define('DB_NAME', 'of a comment');
define( 'DB_NAME', 'portal' );
define("DB_USER", "portal");
define('DB_PASSWORD', 'p\\'w$x');
define('DB_HOST', 'localhost:/run/mysqld/mysqld.sock');
$table_prefix  = 'nx_';
if (!defined('ABSPATH')) { define('ABSPATH', __DIR__ . '/'); }
"""
CONFIGS = {
    "wordpress": (
        WORDPRESS,
        {
            "engine": "mariadb",
            "name": "portal",
            "user": "portal",
            "host": "localhost:/run/mysqld/mysqld.sock",
            "prefix": "nx_",
        },
    ),
    "nukeviet": (
        "<?php\n$db_config['dbhost'] = 'localhost';\n$db_config['dbtype'] = 'mysql';\n$db_config['dbname'] = 'nv';\n"
        "$db_config['dbuname'] = 'nvu';\n$db_config['dbpass'] = 's';\n$db_config['prefix'] = 'nv4';\n",
        {"engine": "mariadb", "name": "nv", "user": "nvu", "host": "localhost", "prefix": "nv4"},
    ),
    "mediawiki": (
        '<?php\nif ( !defined( \'MEDIAWIKI\' ) ) { exit; }\n$wgDBtype = "postgres";\n$wgDBserver = "localhost";\n'
        '$wgDBname = "wiki";\n$wgDBuser = "wikiuser";\n$wgDBmwschema = "mediawiki";\n$wgPath = "{$wgScript}/$1";',
        {
            "engine": "postgresql",
            "name": "wiki",
            "user": "wikiuser",
            "host": "localhost",
            "prefix": "",
            "schema": "mediawiki",
        },
    ),
    "joomla": (
        "<?php\nclass JConfig {\n\tpublic $dbtype = 'mysqli';\n\tpublic $host = 'localhost';\n\tpublic $user = 'joo';\n"
        "\tpublic $db = 'joomla';\n\tpublic $dbprefix = 'j_';\n\tpublic $secret = 'abc';\n}\n",
        {"engine": "mariadb", "name": "joomla", "user": "joo", "host": "localhost", "prefix": "j_"},
    ),
    "drupal": (
        "<?php\n/* $databases['default']['default'] = ['database' => 'example']; */\n$databases = [];\n"
        "$databases['default']['default'] = array (\n  'database' => 'dru',\n  'username' => 'druser',\n"
        "  'password' => 'x',\n  'prefix' => '',\n  'host' => 'localhost',\n  'driver' => 'pgsql',\n"
        "  'init_commands' => ['a' => 'b'],\n);\n",
        {"engine": "postgresql", "name": "dru", "user": "druser", "host": "localhost", "prefix": ""},
    ),
}


@pytest.mark.parametrize("name", profiles.known())
def test_each_profile_loads(name: str) -> None:
    profile = profiles.load(name)
    assert profile.name == name and profile.title and profile.detect.markers


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_the_database_is_read_from_the_applications_own_configuration(name: str) -> None:
    text, wanted = CONFIGS[name]
    config = profiles.load(name).config
    assert config is not None
    assert site_config.connection(text, config.parser, config.names, config.defaults) == wanted


def test_a_value_that_is_computed_or_set_twice_is_not_found() -> None:
    """A name that ends in a query or in the inventory must be what the application itself would use."""
    text = (
        "<?php define('A', getenv('A')); define('B', 'x' . 'y'); $c = 'one'; if (1) { $c = 'two'; } $d = \"$c\";"
        "$e = 'x'; $e .= 'y'; $k = 'x' . 'y'; $f = <<<END\n$g = 'inside';\nEND;\n"
        "$h = ['a' => 'b', 'c' => f(1, [2]), 'd' => 'e', 7 => array('x' => 'y')]; $i = 'fine'; ?> $j = 'html';"
    )
    assert site_config.values(text, "php") == {"$h.a": "b", "$h.d": "e", "$h.7.x": "y", "$i": "fine"}


@pytest.mark.parametrize("value", ["wp_`; DROP", "a" * 33, "x'y", "wp_\n"])
def test_a_prefix_that_is_none_is_not_found(value: str) -> None:
    text = WORDPRESS.replace("nx_", value.replace("'", "\\'"))
    config = profiles.load("wordpress").config
    assert config is not None
    assert "prefix" not in site_config.connection(text, config.parser, config.names, config.defaults)


def test_ini_and_env() -> None:
    assert site_config.values("[db]\nname = portal ; the site's\nuser='u'\npass=\"a$b\"\n", "ini") == {
        "db.name": "portal",
        "db.user": "u",
    }
    assert site_config.values("# DB=no\nexport DB_NAME=portal\nX=`id`\nDB_USER='u'\n", "env") == {
        "DB_NAME": "portal",
        "DB_USER": "u",
    }


@pytest.mark.parametrize("parser", ["php", "ini", "env"])
def test_any_text_is_survived(parser: str) -> None:
    """Whatever stands in the file: an answer in texts, soon, and no exception."""
    pieces = ["<?php ", "define(", "'", '"', "\\", "$a", "['k']", "=", "=>", "[", "array(", ")", "]", ";", ",",
              "<<<E\n",
              "/*", "*/", "//", "\n", "0", "-1", "é\udc80", "?>", "[s]", "A=b", "${", "`id`"]  # fmt: skip # a table
    source = random.Random(13)  # noqa: S311
    for _ in range(2000):
        text = "<?php " + "".join(source.choices(pieces, k=source.randrange(60)))
        for name, value in site_config.values(text, parser).items():
            assert isinstance(name, str) and isinstance(value, str)
    assert site_config.values("<?php " + "[" * 200_000, parser) == {}
    assert site_config.values("<?php $a" + "=[1=>" * 50_000, parser) == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [("  parsr: php", ":6: config.parsr: is unknown"), ("  parser: yaml", ":6: config.parser: has to be one of")],
)
def test_a_wrong_key_is_refused_with_its_place(line: str, why: str) -> None:
    text = f"---\ntitle: X\nversions: any\ndetect: {{markers: [a]}}\nconfig:\n{line}\n  paths: [x.php]\n"
    with pytest.raises(ControllerFault, match=why):
        profiles.parsed(text, "x.yml")


FACTS = {
    "data": {
        "engines": ["mariadb"],
        "administrators": {
            "queries": [
                {
                    "set": "administrator",
                    "sql": "SELECT login, mail, hash FROM {prefix}people WHERE admin = 1",
                    "columns": ["name", "plain", "digest"],
                },
            ]
        },
        "tokens": {},
    },
}


def test_a_hand_written_site_states_its_own_queries() -> None:
    """Nobody but the site itself knows where its administrators stand."""
    profile = profiles.of_site("php", FACTS)
    assert profile is not None and profile.gaps() == {
        "persistence": ["not-in-profile"],
        "content": ["not-in-profile"],
    }
    assert profile.reading()["administrators"]["queries"][0]["columns"] == ("name", "plain", "digest")
    assert profiles.of_site("wordpress", {}) == profiles.load("wordpress")
    assert profiles.of_site("unheard-of", {}) is None


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM people",
        "SELECT 1; DROP TABLE people",
        "SELECT login FROM people INTO OUTFILE '/var/www/x.php'",
        "SELECT(login)INTO OUTFILE '/var/www/x.php' FROM people",
        "SELECT '\\! id'",
        "SELECT 1 -- x",
        "SELECT 1\nDELIMITER x",
        "",
    ],
)
def test_a_query_is_one_select(sql: str) -> None:
    """Seen failing with the check taken out: the clients of both databases take commands between statements."""
    query = {"set": "administrator", "sql": sql, "columns": ["name"]}
    with pytest.raises(InventoryError, match=r"website_profile_facts\.data\.administrators\.queries\.0\.sql: "):
        profiles.of_site("php", {"data": {"administrators": {"queries": [query]}}})


@pytest.mark.parametrize(
    ("application", "facts", "why"),
    [
        ("php", {"date": {}}, r"website_profile_facts\.date: is unknown"),
        ("php", {"data": {"content": {"pages": [{"folders": "x"}]}}}, r"data\.content\.pages\.0\.suffix: is missing"),
        (
            "php",
            {"data": {"tokens": {"lines": [{"set": "token", "paths": ["x"], "pattern": "(", "columns": []}]}}},
            r"data\.tokens\.lines\.0\.pattern: ",
        ),
        ("wordpress", FACTS, "only the profile php"),
        ("own", FACTS, "there is no profile own"),
    ],
)
def test_a_wrong_fact_is_refused_with_its_place(application: str, facts: object, why: str) -> None:
    with pytest.raises(InventoryError, match=why):
        profiles.of_site(application, facts)
