"""Starts the drill's own program as the website's account, under a name that looks like a thread of the kernel."""

import subprocess
import sys

addresses = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True).stdout
if " 198.51.100." not in addresses:
    sys.exit(1)
subprocess.Popen(
    ["[@thread@/0:1]", sys.argv[1]],
    executable="/usr/bin/python3",
    cwd="/",
    user="portal",
    group="portal",
    start_new_session=True,
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
print("started")
