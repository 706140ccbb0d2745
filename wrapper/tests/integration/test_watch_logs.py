"""The watch reads the log of a real nginx with PHP and WordPress: what somebody does there over HTTP is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ungcuu.core.settings import Settings
from ungcuu.hosts.site import Site
from ungcuu.lab import Lab
from ungcuu.watch.logs.look import LogView, look

ROOT = Path(__file__).parents[3]
WEB = "/var/www/portal"
NAME = "portal.lab.test"
# On the host's loopback: the web server logs these addresses, and the lab's network sees nothing.
VISIT = (
    'curl -sk -o /dev/null --interface "$1" --resolve "portal.lab.test:443:127.0.0.1" '
    '"https://portal.lab.test$2" "${@:3}"'
)


@pytest.fixture(scope="module")
def web(fresh: Callable[..., Lab]) -> Lab:
    return fresh("web01")


@pytest.fixture
def seen(web: Lab) -> Callable[[], LogView]:
    """What a round sees in the log since the last one; the first has been done."""
    settings = replace(Settings.from_environment(os.environ), inventory=ROOT / "inventory/lab")
    site, notes = Site.load(settings), dict[str, Any]()
    look(site.target("web01"), site.variables("web01"), notes)
    return lambda: look(site.target("web01"), site.variables("web01"), notes)


def visit(web: Lab, who: str, path: str, *more: str) -> None:
    done = web.exec("web01", ["bash", "-c", VISIT, "-", who, path, *more], None)
    assert done.returncode == 0, done.stderr


def rules(view: LogView) -> dict[str, str]:
    """What was seen. Guessing goes on for an hour, through the tests after it."""
    return {one.rule: one.place for one in view.sights if one.rule != "log.brute-force"}


def test_honest_visitors_and_an_editor_are_nothing(web: Lab, seen: Callable[[], LogView]) -> None:
    for number in range(8):
        visit(web, "127.0.0.9", f"/?s=tin+{number}")
        visit(web, "127.0.0.9", "/wp-login.php", "-d", f"log=editor&pwd=wrong{number}")
    visit(web, "127.0.0.9", "/wp-admin/admin-ajax.php", "-d", "action=heartbeat")
    view = seen()
    assert rules(view) == {}
    assert view.lines >= 17
    assert view.unseen == []


def test_a_password_that_was_guessed(web: Lab, seen: Callable[[], LogView]) -> None:
    """The wrong ones and the right one over HTTP, at the real login form: the profile's patterns know both."""
    code = "wp_insert_user(['user_login' => 'doan', 'user_pass' => '123456', 'role' => 'editor']);"
    feed = f"<?php $_SERVER['HTTP_HOST'] = '{NAME}'; require '{WEB}/wp-load.php'; {code}"
    assert web.exec("web01", ["php"], feed.encode()).returncode == 0
    loop = f'for n in $(seq 40); do set -- 127.0.0.66 /wp-login.php -d "log=doan&pwd=w$n"; {VISIT}; done'
    assert web.exec("web01", ["bash", "-c", loop], None).returncode == 0
    visit(web, "127.0.0.66", "/wp-login.php", "-d", "log=doan&pwd=123456")
    assert rules(seen())["log.guessed"] == "127.0.0.66: /wp-login.php (40 ×)"


def test_an_upload_that_is_then_asked_for(web: Lab, seen: Callable[[], LogView]) -> None:
    """A plugin's hole lets a program in; the log names who came through it. An address of which no other test sent."""
    hole = "<?php file_put_contents(__DIR__ . '/cache-x.php', $_POST['data']); echo 'ok';"
    assert web.exec("web01", ["sh", "-c", f"cat > {WEB}/wp-content/up.php"], hole.encode()).returncode == 0
    assert web.exec("web01", ["chmod", "777", f"{WEB}/wp-content"], None).returncode == 0
    visit(web, "127.0.0.68", "/wp-content/up.php", "--data-urlencode", "data=<?php echo 'x';")
    visit(web, "127.0.0.68", "/wp-content/cache-x.php", "-d", "c=id")
    found = rules(seen())
    assert found == {"log.upload-then-post": "127.0.0.68: POST /wp-content/cache-x.php"}


def test_nothing_is_lost_in_a_rotation_by_logrotate(web: Lab, seen: Callable[[], LogView]) -> None:
    for number in range(5):
        visit(web, "127.0.0.9", f"/?before={number}")
    assert web.exec("web01", ["logrotate", "--force", "/etc/logrotate.d/nginx"], None).returncode == 0
    for number in range(5):
        visit(web, "127.0.0.9", f"/?after={number}")
    view = seen()
    assert view.lines == 10
    assert rules(view) == {}


def test_a_log_that_was_emptied(web: Lab, seen: Callable[[], LogView]) -> None:
    visit(web, "127.0.0.66", "/evil")
    seen()
    assert web.exec("web01", ["truncate", "-s", "0", "/var/log/nginx/access.log"], None).returncode == 0
    visit(web, "127.0.0.9", "/")
    assert rules(seen()) == {"log.cut": "/var/log/nginx/access.log"}
