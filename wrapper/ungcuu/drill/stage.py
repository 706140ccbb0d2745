"""The hosts of a drill as the intruder and an onlooker have them: steps are done there, effects are looked for there.

1. A step's words are arguments of one fixed program each; no shell ever parses a word of a simulation.
2. A step that runs a program is bounded in wall-clock and processor time; what the intruder sends, in number and rate.
3. Everything is looked at from intruder01 or through the container's back door, never by asking a verb.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from ungcuu.drill.comparison import FOLDERS, Contents
from ungcuu.drill.record import DrillFailed
from ungcuu.drill.simulation import FOLDER, Effect, Simulation, Step, filled
from ungcuu.lab import Lab

SITE = "portal.lab.test"
FURTHER = ("second", "third", "fourth", "fifth")
MARKER = "UNGCUU-DRILL-MARKER"
_PORT = "4444"
_SESSION_LIFE = "900"
_LOGS = {name: f"/run/ungcuu-drill-{name}.json" for name in ("held", "outward", "flood")}
_PUT = 'mkdir -p "$(dirname "$1")" && cat > "$1" && chown "$2" "$1" && chmod "$3" "$1"'
Said = subprocess.CompletedProcess[bytes]
# -f: a masked unit is a link to /dev/null, which is the intruder's no more. pgrep finds this shell too.
_HOLDS = 'if [ -f "$1" ] && grep -qF -e "$2" "$1"; then echo yes; else echo no; fi'
_RUNS = 'for one in $(pgrep -f -- "$1"); do [ "$one" = $$ ] || { echo yes; exit; }; done; echo no'
_AS_WEBSITE = ("runuser", "-u", "portal", "--")
_PROGRAMS = {
    "py": ("python3", "-"),
    "sh": ("sh", "-es", "--"),
    "php": (*_AS_WEBSITE, "php", "--"),
    "sql": ("mariadb", "portal"),
}


class Stage:
    """The lab's hosts during one scenario; ``values`` fill the names that the intruder chose."""

    def __init__(self, lab: Lab, simulation: Simulation, values: Mapping[str, str]) -> None:
        """Fill in the names; nothing is done yet."""
        self.lab = lab
        self.host = simulation.host
        self.address = lab.address(self.host)
        own = {"address": self.address, "site": SITE, "marker": MARKER}
        own |= {"intruder": lab.address("intruder01"), "vault": lab.address("vault01")}
        # Further addresses that the intruder may take; the lab's network has no host there.
        own |= {name: str(ip_address(own["intruder"]) + 5 + number) for number, name in enumerate(FURTHER, 1)}
        self.values = {**values, **own}
        self.simulation: Simulation = filled(simulation, self.values)

    # --- doing ------------------------------------------------------------------------------------------------------

    def do(self, step: Step) -> str:
        """Do one step; return what it printed.

        Raises:
            DrillFailed: It failed, or did not print what it has to.
        """
        if step.put:
            self.put(step.put, self.source(step.source), step.owner, step.mode)
            return step.put
        if step.intruder[:1] == ("flood",):
            self.intruder(*step.intruder, _LOGS["flood"], background=True, host=step.machine or "intruder01")
            said = "begun"
        elif step.intruder:
            said = json.dumps(self.intruder(*step.intruder, host=step.machine or "intruder01"))
        else:
            said = self._run(step)
        if step.expect not in said:
            raise DrillFailed(f"{step.name}: {step.expect!r} was expected: {said[-600:]}")
        return said

    def put(self, path: str, content: bytes, owner: str = "root:root", mode: str = "0644") -> None:
        """Put a file on the host."""
        self.execute(self.host, ["sh", "-ec", _PUT, "put", path, owner, mode], content)

    def source(self, name: str) -> bytes:
        """Return a file of the scenario's folder with ``@name@`` replaced by the names that were chosen."""
        data = (FOLDER / self.simulation.id / name).read_bytes()
        for key, value in self.values.items():
            data = data.replace(f"@{key}@".encode(), value.encode())
        return data

    def _run(self, step: Step) -> str:
        kind = step.run.rpartition(".")[2]
        words = [*self._bounds(), *_PROGRAMS[kind], *step.words]
        return self.execute(step.machine or self.host, words, self.source(step.run)).stdout.decode(errors="replace")

    def _bounds(self) -> list[str]:
        bounds = self.simulation.bounds
        return ["timeout", "-k", "5", str(bounds.seconds), "prlimit", f"--cpu={bounds.cpu_seconds}"]

    def intruder(
        self, *words: str, background: bool = False, host: str = "intruder01", account: Sequence[str] = ()
    ) -> Any:
        """Have the intruder's program do something, on intruder01 or on a host, there perhaps as another account."""
        program = (FOLDER / "intruder.py").read_bytes()
        encoded = [self._encoded(word) for word in words]
        if not background:
            return json.loads(self.execute(host, [*self._bounds(), "python3", "-", *encoded], program).stdout)
        # A background process can't read its program from our pipe, so it is handed over whole.
        starter = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.stdin.read(), *sys.argv[1:]], "
        starter += "stdin=-3, stdout=-3, stderr=-3, start_new_session=True)"
        self.execute(host, [*account, "python3", "-c", starter, *encoded], program)
        return None

    def _encoded(self, word: str) -> str:
        """NAME=<file: the file of the folder, in base64, as a form's upload."""
        name, sign, file = word.partition("=<")
        return f"{name}={base64.b64encode(self.source(file)).decode('ascii')}" if sign else word

    def hold_sessions(self, wanted: Collection[str]) -> None:
        """Connections that the cut must end: a visitor's that stays open (held), and one from the host (outward)."""
        if "held" in wanted:
            self.intruder("hold", self.address, SITE, _LOGS["held"], _SESSION_LIFE, background=True)
        if "outward" not in wanted:
            return
        self.intruder("listen", _PORT, _LOGS["outward"], _SESSION_LIFE, background=True)
        eventually(lambda: b":4444" in self.execute("intruder01", ["ss", "-ltn"]).stdout)
        words = ("call", self.lab.address("intruder01"), _PORT, _SESSION_LIFE)
        # Whoever came in through the website has its account's rights: root's would be another incident.
        self.intruder(*words, background=True, host=self.host, account=_AS_WEBSITE)

    # --- looking ----------------------------------------------------------------------------------------------------

    def there(self, effect: Effect) -> bool:
        """Whether an effect of the attack is there."""
        if effect.page:
            return effect.has in str(self.page(effect.page).get("text", ""))
        if effect.file:
            return self._answer(["sh", "-c", _HOLDS, "holds", effect.file, effect.has])
        if effect.session:
            return self.session(effect.session).get("alive") is True
        if effect.process:
            return self._answer(["sh", "-c", _RUNS, "runs", effect.process])
        try:
            return self._seen(effect)
        except (DrillFailed, ValueError):
            return False

    def gone(self, effect: Effect) -> bool:
        """Whether an effect is there no more. A look that failed has seen nothing, so it proves nothing."""
        if effect.session:  # read in mid-write it says nothing either
            return eventually(lambda: "alive" in self.session(effect.session), 10) and not self.there(effect)
        try:
            return not (self._seen(effect) if effect.intruder else self.there(effect))
        except (DrillFailed, ValueError):
            return False

    def _seen(self, effect: Effect) -> bool:
        return effect.has in json.dumps(self.intruder(*effect.intruder, host=effect.machine))

    def _answer(self, words: Sequence[str]) -> bool:
        """What a look at the host says: yes or no. No answer is neither: a host that is down proves nothing."""
        said = self.execute(self.host, words).stdout.decode(errors="replace").strip()
        if said not in ("yes", "no"):
            raise DrillFailed(f"on {self.host}: {' '.join(words[3:])}: {said[:200]!r}")
        return said == "yes"

    def page(self, path: str, visitor: str = "intruder01") -> dict[str, Any]:
        """Return what a visitor gets; ``//NAME/PATH`` is a page of another website of the host."""
        name, path = (SITE, path) if not path.startswith("//") else path[2:].split("/", 1)
        return dict(self.intruder("get", self.address, name, f"/{path.removeprefix('/')}", host=visitor))

    def session(self, name: str) -> dict[str, Any]:
        """Return what the intruder noted of a connection."""
        said = self.lab.exec("intruder01", ["cat", _LOGS[name]]).stdout
        try:
            return dict(json.loads(said))
        except ValueError:  # not written yet, or read in mid-write
            return {}

    def contents(self) -> Contents:
        """Read what the host holds, to compare it with another moment."""
        # A row that WordPress makes when a page asks for it would be missing after a restore, though nothing is lost.
        self.execute(self.host, _PROGRAMS["php"], (FOLDER / "fill_caches.php").read_bytes())
        program = (FOLDER / "host_contents.py").read_bytes()
        return Contents.of(json.loads(self.execute(self.host, ["python3", "-", *FOLDERS], program).stdout))

    def execute(self, host: str, words: Sequence[str], given: bytes | None = None) -> Said:
        """Run a program through the back door.

        Raises:
            DrillFailed: It failed.
        """
        done = self.lab.exec(host, words, given)
        if done.returncode:
            raise DrillFailed(f"on {host}: {' '.join(words)[:200]}: {done.stderr.decode(errors='replace')[-500:]}")
        return done


def eventually(look: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether something comes to be true within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if look():
            return True
        time.sleep(0.2)
    return look()
