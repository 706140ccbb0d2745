"""Use the website as visitors and editors do, over the host's loopback. Runs on the host: standard library only.

Without ``deep`` only reading happens. With it, where the application's profile has a trial, a probe account is made for
these seconds, logs in, uploads 3 KB and 2 MB, opens its upload, writes, edits and deletes; then the account and all
that it made are removed, also those of an earlier probe that was cut short. Each trial has a name that harden compares
before and after.

``needs`` shows what the pages, and the site's own style sheets, make a browser load, by directive of a
Content-Security-Policy. What scripts load by addresses that they put together is not seen.

The home page of every other site of the host is asked for too, and what it looked like is kept to be compared.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ungcuu.remote import page
from ungcuu.remote.editor import Editor, TurnedOff
from ungcuu.remote.firewall_log import log_ends, refused_by
from ungcuu.remote.neighbour_pages import look, pages_beside, wrong_root
from ungcuu.remote.page_client import TIMEOUT, Broken, Browser, Remade, expect, pace_of
from ungcuu.remote.page_loads import content_policy
from ungcuu.remote.web_sites import served

_CROWD = "20 visitors at once"
_SMALL = "upload 3 KB"
_FEW = 5  # visitors, where a flood guard counts them
# What page.py says of a failure, where the code of a record is another word.
_WHY = {"refused": "connection_refused", "not http": "not_http"}
_MOST_PAGES = 60  # of other sites; more are named as not looked at


def trial(results: dict[str, dict[str, Any]], name: str, work: Any, *arguments: Any) -> bool:
    """Carry out one trial and note how it went."""
    started = time.monotonic()
    remade, passed, detail = {}, False, dict[str, Any]()
    try:
        work(*arguments)
        passed = True
    except Broken as error:
        detail = error.phrase
        remade = {"remade": True} if isinstance(error, Remade) else {}
    except (OSError, http.client.HTTPException, ValueError, KeyError, subprocess.SubprocessError) as error:
        detail = {"code": "said", "text": f"{type(error).__name__}: {error}"[:300]}
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
        raise Broken(
            "trial_no_answer", what={"code": "trial_home"}, why={"code": _WHY.get(seen["error"], seen["error"])}
        )
    expect(seen["status"], (200,), {"code": "trial_home"})
    if not page.healthy(seen):
        raise Broken("trial_no_phrase")


def static(browser: Browser, order: dict[str, Any]) -> None:
    """Styles, scripts and pictures that the home page names."""
    body = browser.ask("GET", order["path"])[2].decode("utf-8", "replace")
    begin = r"""(?:src|href)=["'](?:https?://""" + re.escape(order["name"]) + ")?"
    found = re.findall(begin + r"""(/[^"'#]+\.(?:css|js|png|jpe?g|svg|webp))""", body)
    for path in list(dict.fromkeys(found))[:8]:
        expect(browser.ask("GET", path)[0], (200, 304), path[:80])


def crowd(browser: Browser, order: dict[str, Any]) -> None:
    """Twenty visitors at once; a few, one after the other, where the application's own flood guard allows no more.

    A guard that was not there before the changes may be a limit of ungcuu: they are asked again before it is believed.
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
        raise Broken("trial_some_visitors", bad=len(bad), count=len(codes), statuses=sorted(set(bad)))


def cookie(browser: Browser, order: dict[str, Any]) -> None:
    """A cookie of 3 KB, as plugins set them."""
    browser = browser.stranger()
    browser.cookies["ungcuu_probe"] = "x" * 3072
    expect(browser.ask("GET", order["path"])[0], (200,), {"code": "trial_cookie"})


def database(order: dict[str, Any]) -> None:
    """The superuser's socket login and a dump, which backups need."""
    engine, name = order.get("engine"), order.get("database")
    if engine not in _DUMPS or not name:
        return
    command, end = _DUMPS[engine]
    done = subprocess.run([*command, name], capture_output=True, check=False, timeout=60)
    if done.returncode or end not in done.stdout[-200:]:
        said = done.stderr.decode(errors="replace").strip()[-200:]
        raise Broken("trial_dump_failed", said={"code": "said", "text": said})


_DUMPS: dict[str | None, tuple[list[str], bytes]] = {
    "mariadb": (["mariadb-dump", "--single-transaction", "--no-data", "--skip-lock-tables"], b"Dump completed"),
    "postgresql": (["runuser", "-u", "postgres", "--", "pg_dump", "--schema-only"], b"database dump complete"),
}


def editing(order: dict[str, Any], browser: Browser, results: dict[str, dict[str, Any]]) -> list[str]:
    """The editor's day, as the profile's trial says. Returns the trials that the website has turned off."""
    editor, steps, off = Editor(order, browser), order["trial"], list[str]()

    def attempt(name: str, work: Any, *arguments: Any) -> bool:
        try:
            return trial(results, name, work, *arguments)
        except TurnedOff:
            off.append(name)
            return True

    if not trial(results, "account", _with_account, editor):
        return off
    try:
        attempt("login", editor.take, "login")
        if steps["administration"]:
            attempt("administration", editor.take, "administration")
        if steps["upload"] and attempt(_SMALL, editor.upload, 3 << 10, "picture") and _SMALL not in off:
            if steps["media"]:
                attempt("media page", editor.take, "media")
            _large_upload(editor, results, again=bool(order.get("again")))
        for name, part in (("post", "post"), ("rich text", "rich_text"), ("delete", "delete")):
            if steps[part]:
                attempt(name, editor.take, part)
    finally:
        trial(results, "clean-up", editor.account)
    return off


def _with_account(editor: Editor) -> None:
    editor.account(make=True)


def _large_upload(editor: Editor, results: dict[str, dict[str, Any]], again: bool) -> None:
    """Stock servers take less than 2 MB: what a website never took can't show what a change breaks."""
    kind = editor.trial["large"]
    if trial(results, "upload 2 MB", editor.upload, 2 << 20, kind) and not again:
        return
    passed = trial(results, "upload 900 KB", editor.upload, 900 << 10, kind)
    if passed and not again:
        why = results["upload 2 MB"]["detail"]
        results["upload 900 KB"]["detail"] = {"code": "trial_too_large", "why": why}
        del results["upload 2 MB"]


def own_pages(
    order: dict[str, Any],
    browser: Browser,
    only: set[str],
    results: dict[str, dict[str, Any]],
    needs: dict[str, list[str]],
) -> None:
    """Try what belongs to the website itself; ``only`` names the trials, and none means all."""
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
    if pace_of(order["name"]).met_guard and _CROWD in results:
        few = {"code": "trial_few_visitors", "count": _FEW}
        known = results[_CROWD]["detail"]
        results[_CROWD]["detail"] = [known, few] if known else few


def pages_of_others(
    order: dict[str, Any], sites: list[dict[str, Any]], only: set[str], results: dict[str, dict[str, Any]]
) -> list[str]:
    """Look at the host's other websites; returns the trials of the pages that were left out."""
    again = bool(order.get("again"))
    beside = order.get("pages", []) if again or order.get("alone") else pages_beside(sites, order["name"])
    pages, left = beside[:_MOST_PAGES], [other["trial"] for other in beside[_MOST_PAGES:]]
    for other in pages:
        if not only or other["trial"] in only:
            row = look(other, settled=not again)
            if "seen" in row or again:
                results[other["trial"]] = row
            else:
                left.append(other["trial"])
    return left


def main(order: dict[str, Any]) -> dict[str, Any]:
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
    own_pages(order, browser, only, results, needs)
    left = pages_of_others(order, sites, only, results)
    off: list[str] = []
    wanted = not only or only - set(results)
    here = order.get("trial") and all(Path(order["root"], name).exists() for name in order["markers"])
    if wanted and order["deep"] and here:
        off = editing(order, browser.stranger(), results)
    misplaced = wrong_root(sites, order["name"], order["root"]) if order.get("root") else {}
    return {
        "results": results,
        "needs": needs,
        "misplaced": misplaced,
        "paced": pace_of(order["name"]).met_guard,
        "refused_by": refused_by(logs) if order.get("again") else [],
        "left": left,
        "off": off,
    }
