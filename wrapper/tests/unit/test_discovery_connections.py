"""Databases of hand-written sites, as people open them: with literals, settings of another file, mysqli, one string."""

from __future__ import annotations

import time

import pytest

from ungcuu.remote.discovery.connections import opened

SETTINGS = "<?php $db['host'] = 'localhost'; $db['name'] = 'portal'; $db['user'] = 'web'; $db['password'] = 'x';"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("new PDO('mysql:host=localhost;dbname=a_b;charset=utf8mb4', 'u', 'p')", ["mysql", "a_b", "u"]),
        (
            "new PDO('pgsql:host=' . $db['host'] . ';dbname=' . $db['name'], $db['user'], $db['password'])",
            ["pgsql", "portal", "web"],
        ),
        ("new \\PDO(\"mysql:host={$db['host']};dbname={$db['name']}\", $db[\"user\"], $x)", ["mysql", "portal", "web"]),
        ("new PDO('mysql:host=' . getenv('H') . ';dbname=portal', getenv('U'), '')", ["mysql", "portal", ""]),
        ("mysqli_connect($db['host'], $db['user'], $db['password'], $db['name'])", ["mysql", "portal", "web"]),
        ("new mysqli('localhost', 'u', 'p', 'n')", ["mysql", "n", "u"]),
        ("mysqli_connect('localhost', 'u', 'p'); mysqli_select_db($c, $db['name']);", ["mysql", "portal", "u"]),
        ("new mysqli('localhost', 'u', 'p'); $c->select_db('n');", ["mysql", "n", "u"]),
        ("pg_connect('host=localhost dbname=n user=u password=p')", ["pgsql", "n", "u"]),
        ("pg_pconnect(\"host=$h dbname={$db['name']} user=u\")", ["pgsql", "portal", "u"]),
        ("['dsn' => 'mysql:host=x;dbname=n', 'username' => 'u']", ["mysql", "n", ""]),
    ],
)
def test_a_connection_is_found(code: str, found: list[str]) -> None:
    assert opened({"/c.php": SETTINGS, "/i.php": f"<?php $c = {code};"}) == [["/i.php", *found]]


@pytest.mark.parametrize(
    "code",
    [
        "new PDO('mysql:host=localhost;dbname=' . $_GET['d'], 'u', 'p')",
        "new PDO($dsn, 'u', 'p')",
        "new PDO('mysql:dbname=' . name($db['name']), 'u')",
        "new mysqli('localhost', 'u', 'p')",
        "new mysqli('localhost', 'u', 'p'); $c->select_db('a'); $c->select_db('b');",
        "pg_connect('host=localhost dbname=' . $_GET['d'])",
        "pg_connect(getenv('DATABASE'))",
        "new PDO('sqlite:/x')",
        "new PDO(" + "(" * 3000,
        "mysqli_connect('h', 'u', 'p', '../../etc')",
    ],
)
def test_what_is_computed_is_not_found(code: str) -> None:
    assert opened({"/c.php": SETTINGS, "/i.php": f"<?php $c = {code};"}) == []


def test_a_setting_with_two_values_is_none() -> None:
    """A fact that may be wrong is worse than one that a person states. Seen failing with the first value taken."""
    both = {
        "/a.php": "<?php $n = 'one';",
        "/b.php": "<?php $n = 'two';",
        "/i.php": "<?php new PDO('mysql:dbname='.$n);",
    }
    assert opened(both) == []


def test_a_file_full_of_calls_is_read_in_time() -> None:
    """Whoever may write a file chooses what stands in it. Seen failing: more than a minute for these 8 KiB."""
    calls = "new mysqli(1); " * 250 + "$c->select_db([" * 250
    begun = time.monotonic()
    assert opened({"/i.php": f"<?php {calls}"}) == []
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(("times", "found"), [(20, [["/i.php", "mysql", "n", "u"]]), (21, [])])
def test_one_database_chosen_often_is_found_up_to_a_bound(times: int, found: list[list[str]]) -> None:
    """Beyond it nobody looked whether the next call chooses another. Seen failing: any number was read."""
    code = "<?php $c = new mysqli('localhost', 'u', 'p');" + "$c->select_db('n');" * times
    assert opened({"/i.php": code}) == found
