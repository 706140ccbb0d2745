"""Use the website as visitors and editors do, over the host's loopback. Runs on the host: standard library only.

Without ``deep`` only reading happens. With it, on WordPress, a probe account is made for these seconds, logs in,
uploads 3 KB and 2 MB, opens its upload and saves a draft; then the account and all that it made are removed, also those
of an earlier probe that was cut short. Each trial has a name that harden compares before and after.

``needs`` shows what the pages, and the site's own style sheets, make a browser load, by directive of a
Content-Security-Policy. What scripts load by addresses that they put together is not seen.

The home page of every other site of the host is asked for too, and what it looked like is kept to be compared.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ungcuu.remote import page
from ungcuu.remote.firewall_log import log_ends, refused_by
from ungcuu.remote.neighbour_pages import look, pages_beside, wrong_root
from ungcuu.remote.page_client import TIMEOUT, Broken, Browser, Remade, expect, pace_of
from ungcuu.remote.page_loads import content_policy
from ungcuu.remote.web_sites import served
from ungcuu.remote.wordpress_editor import Wordpress, picture

_CROWD = "20 visitors at once"
_FEW = 5  # visitors, where a flood guard counts them
_MOST_PAGES = 60  # of other sites; more are named as not looked at


def trial(results: dict[str, dict[str, Any]], name: str, work: Any, *arguments: Any) -> bool:
    """Carry out one trial and note how it went."""
    started = time.monotonic()
    remade = {}
    try:
        work(*arguments)
        passed, detail = True, ""
    except (Broken, OSError, http.client.HTTPException, ValueError, KeyError, subprocess.SubprocessError) as error:
        passed, detail = (
            False,
            f"{type(error).__name__}: {error}"[:300] if not isinstance(error, Broken) else str(error),
        )
        remade = {"remade": True} if isinstance(error, Remade) else {}
    results[name] = {"passed": passed, "detail": detail, "seconds": round(time.monotonic() - started, 3)} | remade
    return passed


def health(order: dict[str, Any]) -> dict[str, Any]:
    """The health page as every page client sees and judges it; a flood guard is waited for."""
    asked = {name: order.get(name) for name in ("name", "path", "text", "ports")} | {"timeout": TIMEOUT}
    pace = pace_of(order["name"])
    pace.step()
    seen = page.look(asked)
    while seen["status"] == 429 and pace.drain():
        pace.step()
        seen = page.look(asked)
    # A 503 may be a guard's as well: its header shows that, and a patient visitor waits for it.
    if (
        seen["status"] == 503
        and Browser(order["name"], seen["scheme"], seen["port"]).ask("GET", seen["path"])[0] == 200
    ):
        seen = page.look(asked)
    return seen


def home(order: dict[str, Any]) -> None:
    """The health page with its phrase."""
    seen = health(order)
    if seen["error"]:
        raise Broken(f"home page: no answer ({seen['error']})")
    expect(seen["status"], (200,), "home page")
    if not page.healthy(seen):
        raise Broken("the home page lacks its phrase")


def static(browser: Browser, order: dict[str, Any]) -> None:
    """Styles, scripts and pictures that the home page names."""
    body = browser.ask("GET", order["path"])[2].decode("utf-8", "replace")
    begin = r"""(?:src|href)=["'](?:https?://""" + re.escape(order["name"]) + ")?"
    found = re.findall(begin + r"""(/[^"'#]+\.(?:css|js|png|jpe?g|svg|webp))""", body)
    for path in list(dict.fromkeys(found))[:8]:
        expect(browser.ask("GET", path)[0], (200, 304), path[:80])


def crowd(browser: Browser, order: dict[str, Any]) -> None:
    """Twenty visitors at once; a few, one after the other, where the application's own flood guard allows no more.

    A guard that was not there before the changes may be a limit of ours: they are asked again before it is believed.
    """

    def ask(_: int, patient: bool = False) -> int:
        return browser.stranger(patient).ask("GET", order["path"])[0]

    def at_once() -> list[int]:
        with ThreadPoolExecutor(20) as pool:
            return list(pool.map(ask, range(20)))

    pace = pace_of(order["name"])
    codes = [] if pace.met_guard else at_once()
    if 429 in codes and order.get("again") and pace.drain():
        codes = at_once()
    elif 429 in codes:
        pace.drain()
    if pace.met_guard and not (codes and order.get("again")):
        codes = [ask(number, patient=True) for number in range(_FEW)]
    if bad := [code for code in codes if code != 200]:
        raise Broken(f"{len(bad)} of {len(codes)} visitors got {sorted(set(bad))}")


def cookie(browser: Browser, order: dict[str, Any]) -> None:
    """A cookie of 3 KB, as plugins set them."""
    browser = browser.stranger()
    browser.cookies["ungcuu_probe"] = "x" * 3072
    expect(browser.ask("GET", order["path"])[0], (200,), "3 KB cookie")


def database(order: dict[str, Any]) -> None:
    """The superuser's socket login and a dump, which backups need."""
    engine, name = order.get("engine"), order.get("database")
    if engine not in _DUMPS or not name:
        return
    command, end = _DUMPS[engine]
    done = subprocess.run([*command, name], capture_output=True, check=False, timeout=60)
    if done.returncode or end not in done.stdout[-200:]:
        raise Broken(f"database dump: {done.stderr.decode(errors='replace').strip()[-200:]}")


_DUMPS: dict[str | None, tuple[list[str], bytes]] = {
    "mariadb": (["mariadb-dump", "--single-transaction", "--no-data", "--skip-lock-tables"], b"Dump completed"),
    "postgresql": (["runuser", "-u", "postgres", "--", "pg_dump", "--schema-only"], b"database dump complete"),
}


def wordpress(order: dict[str, Any], browser: Browser, results: dict[str, dict[str, Any]]) -> None:
    """The editor's day."""
    site = Wordpress(order, browser)
    if not trial(results, "account", site.prepare, site.password):
        return
    try:
        trial(results, "login", site.login)
        trial(results, "administration", site.admin)
        trial(results, "upload 3 KB", site.upload, "ungcuu-probe.png", "image/png", picture(3 << 10))
        large = trial(results, "upload 2 MB", site.upload, "ungcuu-probe.txt", "text/plain", b"Thong bao\n" * 209716)
        if not large or order.get("again"):
            _smaller_upload(site, results, again=bool(order.get("again")))
        trial(results, "media page", site.media_page)
        trial(results, "post", site.post)
        trial(results, "rich text", site.rich_text)
    finally:
        trial(results, "clean-up", site.prepare, "")


def _smaller_upload(site: Wordpress, results: dict[str, dict[str, Any]], again: bool) -> None:
    """Stock servers take less than 2 MB: what a website never took can't show what a change breaks."""
    passed = trial(results, "upload 900 KB", site.upload, "ungcuu-probe.txt", "text/plain", b"Thong bao\n" * 92160)
    if passed and not again:
        results["upload 900 KB"]["detail"] = f"2 MB is more than this website takes: {results['upload 2 MB']['detail']}"
        del results["upload 2 MB"]


def perform(order: dict[str, Any]) -> dict[str, Any]:
    """All trials, each noted by name."""
    results: dict[str, dict[str, Any]] = {}
    if order.get("paced"):
        pace_of(order["name"]).slow()
    seen = health(order)
    browser = Browser(order["name"], seen["scheme"], seen["port"])
    if page.healthy(seen):
        order = order | {"path": seen["path"]}  # where the redirects of a healthy page end
    only = set(order.get("only") or [])
    sites, logs = served(), log_ends()
    needs: dict[str, list[str]] = {}
    for name, work, arguments in (
        ("home page", home, (order,)),
        ("pictures, styles, scripts", static, (browser, order)),
        ("3 KB cookie", cookie, (browser, order)),
        (_CROWD, crowd, (browser, order)),
        ("database dump", database, (order,)),
        ("content policy", content_policy, (browser, order, needs)),
    ):
        if not only or name in only:
            trial(results, name, work, *arguments)
    paced = pace_of(order["name"]).met_guard
    if paced and _CROWD in results:
        results[_CROWD]["detail"] += f" (only {_FEW}, one after the other: the website's own flood guard answers 429)"
    again = bool(order.get("again"))
    listed = again or order.get("alone")
    beside = order.get("pages", []) if listed else pages_beside(sites, order["name"])
    pages, left = beside[:_MOST_PAGES], beside[_MOST_PAGES:]
    for other in pages:
        if not only or other["trial"] in only:
            row = look(other, settled=not again)
            if "seen" in row or again:
                results[other["trial"]] = row
            else:
                left.append(other)
    editing = not only or only - set(results)
    if (
        editing
        and order["deep"]
        and order["application"] == "wordpress"
        and Path(order["root"], "wp-load.php").is_file()
    ):
        wordpress(order, browser.stranger(), results)
    misplaced = wrong_root(sites, order["name"], order["root"]) if order.get("root") else {}
    return {
        "results": results,
        "needs": needs,
        "misplaced": misplaced,
        "paced": pace_of(order["name"]).met_guard,
        "refused_by": refused_by(logs) if again else [],
        "left": [other["trial"] for other in left],
    }


def main(order: dict[str, Any]) -> None:
    """Print one JSON document."""
    print("UNGCUU-RESULT " + json.dumps(perform(order)))
