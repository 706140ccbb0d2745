"""Cut a host off the network from its containment card: one OpenSSH connection, no Ansible, no inventory.

The protocol of that one connection, so that the responder can't lock themselves out and the cut fails closed:

1. The host says which address it sees the controller come from.
2. The controller sends the rules only when the allow-list holds that address; else nothing is touched.
3. The host reads its volatile state (sockets, processes, sessions, packet filter) and sends it back.
4. The rules count only when their last line has arrived; they are loaded in one transaction, or not at all. The host
   names its network devices in them; where its kernel takes no hooks on devices, the other rules are loaded alone.
5. Nothing on the host reverts them.
6. Neighbours' hardware addresses are made permanent afterwards, in the background: nobody waits for it.

The host needs sshd, sudo, sh, coreutils' timeout and nft: no Python, no free disk space. Only the standard library is
imported here, since every import delays the cut.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ungcuu import ssh
from ungcuu.isolation_shell import FUNCTIONS

if TYPE_CHECKING:
    from ungcuu.card import Card

MODES = ("full", "maintenance", "egress")
TABLE = "inet ungcuu_isolation"
LAST_LINE = "# end of isolation"
CUT_SECONDS = 45.0
JOIN_SECONDS = 1.0
AGAIN_SECONDS = 10.0
SNAPSHOT_SECONDS = 4
SNAPSHOT_QUOTA = 8 << 20  # bytes; a lying host must not delay the cut with an endless process list

_TURNED_AWAY = ("Connection reset by", "Connection closed by")  # by sshd, before it even asked for a key

# What the snapshot reads: what the cut ends. The rest is for `collect`, since each program here delays the cut. Names
# and commands are constants; nothing of the host gets in here.
SNAPSHOT: Mapping[str, str] = {
    "sockets": "ss -tunapeio",
    "processes": "ps -eo pid,ppid,user,lstart,stat,tty,args -ww",
    "sessions": "who -a",
    "executables": "ls -ln /proc/[0-9]*/exe /proc/[0-9]*/ns/net",
    "links": "echo /run/netns/*; while read -r line; do case $line in nsfs*) echo $line;; esac; done </proc/mounts; "
    "ip -d link",
    "packet_filter": "nft list ruleset",
}

# What the host may say of the rules on its network devices: loaded, or why they, or some, are not.
HOOKS = ("yes", "name", "many", "none", "kernel", "rules")

_INCOMPLETE, _NOT_LOADED = 65, 66

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Unresolved(Exception):
    """A name of the allow-list leads to no address."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NotAllowed(Exception):
    """The allow-list does not hold the address that the host sees the controller come from."""

    def __init__(self, seen: str) -> None:
        super().__init__(seen)
        self.seen = seen


@dataclass(frozen=True)
class AllowList:
    """Who may reach SSH on an isolated host, as the sorted, merged networks of the rule set."""

    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]

    def holds(self, address: str) -> bool:
        """Whether the rule set lets this address in. Anything that isn't an address is not held."""
        found = parse_address(address)
        return found is not None and any(
            found in ipaddress.ip_network(net) for net in (self.ipv4 if found.version == 4 else self.ipv6)
        )


@dataclass(frozen=True)
class Cut:
    """How the cut of one host ended. ``snapshot`` comes from the host: evidence, never shown as it is."""

    host: str
    ending: str  # "cut", "refused", "not reached", "failed" or "unknown"
    seconds: float
    detail: str = ""
    seen: str = ""
    snapshot: bytes = b""
    hooks: str = ""  # "yes", or why the host says that its network devices are not closed: see ``isolation_shell``

    @property
    def done(self) -> bool:
        """Whether the host said that the rules are loaded."""
        return self.ending == "cut"

    @property
    def sha256(self) -> str:
        """Hash of the snapshot."""
        return hashlib.sha256(self.snapshot).hexdigest()


def parse_address(text: str) -> Address | None:
    """Return the address without its zone; an IPv4 address mapped into IPv6 is IPv4 on the wire."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def allow_list(entries: Iterable[str], resolve: Callable[[str], Sequence[str]] | None = None) -> AllowList:
    """Turn addresses, networks and names into the networks of the rule set.

    Raises:
        Unresolved: A name leads to no address.
    """
    networks: list[Network] = []
    for entry in entries:
        networks += _networks(str(entry).strip(), resolve or _resolve)
    v4 = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv4Network))
    v6 = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv6Network))
    return AllowList(tuple(_text(net) for net in sorted(v4)), tuple(_text(net) for net in sorted(v6)))


def _networks(entry: str, resolve: Callable[[str], Sequence[str]]) -> list[Network]:
    try:
        return [ipaddress.ip_network(parse_address(entry) or entry, strict=False)]
    except ValueError:
        found = [parse_address(text) for text in resolve(entry)]
    if not found or None in found:
        raise Unresolved(entry)
    return [ipaddress.ip_network(address) for address in found if address is not None]


def _resolve(name: str) -> list[str]:
    try:
        return sorted({str(row[4][0]) for row in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        return []


def _text(network: Network) -> str:
    """Write a network as nft lists it: a single address without its prefix length."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def cut(card: Card, mode: str = "full", more: Sequence[str] = ()) -> Cut:
    """Read the volatile snapshot of a host and cut it off, in one connection.

    Args:
        card: The host's containment card.
        mode: One of ``MODES``.
        more: Addresses that the responder adds to the card's allow-list.
    """
    try:
        allowed = allow_list([*card.allow.ipv4, *card.allow.ipv6, *more])
        rules = neighbours(card, allowed) + card.rules_for(mode, allowed)
        exchange, answer = _talk(card, allowed, rules.encode())
    except Unresolved as gap:
        return Cut(card.host, "refused", 0.0, f"the name {gap.name} in the allow-list leads to no address")
    except NotAllowed as gap:
        return Cut(card.host, "refused", 0.0, "the allow-list does not hold the address we come from", gap.seen)
    except ssh.HostKeyRefused as gap:
        return Cut(card.host, "refused", 0.0, gap.detail)
    return _ended(card.host, answer, exchange)


def neighbours(card: Card, allowed: AllowList) -> str:
    """Return the line that says whose hardware addresses are made permanent: networks; ADDRESS=MAC where known."""
    if not card.pin_neighbours:
        return ""
    known = [f"{address}={mac}" for address, mac in card.neighbours.items() if parse_address(address)]
    return f"# neighbours: {' '.join([*allowed.ipv4, *allowed.ipv6])};{' '.join(known)}\n"


def _talk(card: Card, allowed: AllowList, rules: bytes) -> tuple[_Exchange, ssh.Streamed]:
    """Have the one conversation, over a connection that is up already, or over a new one where none is or it is dead.

    Nothing was sent to a host that has said nothing, so that it can be asked again. A dead connection looks like a
    slow one: it is given ``JOIN_SECONDS``, not the half minute after which ssh would notice.

    sshd turns callers away by chance while others crowd it (its ``MaxStartups``), and whenever it can't fork, which may
    be after the login too. So who is turned away knocks again, for ``AGAIN_SECONDS``.
    """
    begun = time.monotonic()
    target = card.target_without_become
    master = ssh.shared_connection(target)
    if master is not None:
        exchange = _Exchange(allowed, rules)
        end = time.monotonic() + JOIN_SECONDS
        answer = _stream(card, replace(target, master=master), exchange, lambda: math.inf if exchange.said else end)
        if exchange.said:
            return exchange, answer
    while True:
        exchange = _Exchange(allowed, rules)
        answer = _stream(card, target, exchange)
        if not _turned_away(exchange, answer) or time.monotonic() - begun > AGAIN_SECONDS:
            return exchange, replace(answer, seconds=time.monotonic() - begun)
        time.sleep(0.1)


def _turned_away(exchange: _Exchange, answer: ssh.Streamed) -> bool:
    """Whether nothing was done on the host, and the next moment may be better."""
    if answer.ending is ssh.Ending.NOT_REACHED:
        return answer.detail.startswith(_TURNED_AWAY)
    if answer.ending is ssh.Ending.LOST:
        return not exchange.said  # the rules are sent after the host's first word
    return answer.ending is ssh.Ending.EXITED and answer.returncode != 0 and b"fork" in answer.stderr


def _stream(
    card: Card, target: ssh.Target, exchange: _Exchange, deadline: Callable[[], float] | None = None
) -> ssh.Streamed:
    return ssh.stream(
        target, script(card), exchange.take, reply=exchange.reply, timeout=CUT_SECONDS,
        quota=SNAPSHOT_QUOTA + (1 << 20), deadline=deadline,
    )  # fmt: skip


def cut_all(cards: Sequence[Card], mode: str = "full", more: Sequence[str] = ()) -> list[Cut]:
    """Cut several hosts off at once; each has its own outcome, and none waits for another."""
    if len(cards) == 1:
        return [cut(cards[0], mode, more)]
    import concurrent.futures  # late: one host, the usual case, does without

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(32, len(cards) or 1)) as pool:
        return list(pool.map(lambda card: cut(card, mode, more), cards))


class _Exchange:
    """The controller's side of the one connection."""

    def __init__(self, allowed: AllowList, rules: bytes) -> None:
        self.allowed, self.rules = allowed, rules
        self.said = bytearray()
        self.seen = ""

    def take(self, piece: bytes) -> None:
        self.said += piece

    def reply(self, _piece: bytes) -> bytes | None:
        """Give the rules once the host has said where we come from, and only when that stays allowed."""
        line, ended, _rest = bytes(self.said[:512]).partition(b"\n")
        if not ended:
            return None if len(self.said) < 512 else self._refuse("")
        words = line.decode("ascii", "replace").split()
        seen = parse_address(words[1]) if len(words) > 1 and words[0] == "from" else None
        self.seen = str(seen) if seen else ""
        return self.rules if self.allowed.holds(self.seen) else self._refuse(self.seen)

    @staticmethod
    def _refuse(seen: str) -> bytes:
        raise NotAllowed(seen)


def _ended(host: str, answer: ssh.Streamed, exchange: _Exchange) -> Cut:
    said = bytes(exchange.said)
    snapshot, _end, rest = said.partition(b"\n")[2].partition(b"\n== end\n")
    hooks = rest.partition(b"== hooks ")[2].partition(b"\n")[0].decode("ascii", "replace")
    hooks = hooks if hooks in HOOKS else "unknown"
    if answer.ok and said.endswith(b"\n== cut\n"):
        return Cut(host, "cut", answer.seconds, "", exchange.seen, snapshot, hooks)
    if answer.ending is ssh.Ending.NOT_REACHED:
        return Cut(host, "not reached", answer.seconds, answer.detail)
    if answer.ending is ssh.Ending.EXITED:
        return Cut(host, "failed", answer.seconds, _reason(answer), exchange.seen, snapshot)
    return Cut(host, "unknown", answer.seconds, answer.detail, exchange.seen, snapshot)


def _reason(answer: ssh.Streamed) -> str:
    known = {_INCOMPLETE: "the rules did not arrive whole", _NOT_LOADED: "nft refused the rules"}
    said = answer.stderr.decode("utf-8", "replace").strip()[-300:]
    return f"{known.get(answer.returncode or 0, 'the host could not load the rules')}: {said}"


def script(card: Card) -> str:
    """Return the shell script that runs on the host. It holds no data: the rules come on standard input.

    Where the rules leave the site's ports open to answers, connections that those ports had before are ended: one
    of them may be the intruder's own way out, from port 80 on purpose. A visitor comes again.
    """
    ports = " ".join(str(port) for port in card.public_ports)
    inner = (
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH LC_ALL=C; printf "from %s\\n" "$1"\n'
        f"timeout {SNAPSHOT_SECONDS} sh -c '\n"
        + "".join(f'echo "== {name}"; {{ {what}; }} 2>&1\n' for name, what in SNAPSHOT.items())
        + f"' </dev/null | head -c {SNAPSHOT_QUOTA}\n"
        'printf "\\n== end\\n"\n'
        "rules=$(cat)\n"
        f'case "$rules" in *"{LAST_LINE}") ;; *) exit {_INCOMPLETE} ;; esac\n'
        f"{FUNCTIONS}"
        f'load_rules "" || exit {_NOT_LOADED}\n'
        '[ "$hooks" = yes ] && [ -z "$left" ] && left=yes\n'
        "line=${rules%%;*}; known=${rules#*;}; known=${known%%#*}; peer=${1%% *}\n"
        'case $rules in "# neighbours: "*) '
        "mkdir -p -m 700 /run/ungcuu && "
        '(pin /run/ungcuu "${line#*: }" "$known" "$peer") </dev/null >/dev/null 2>&1 & ;; esac\n'
        f'case "$rules" in *"mode full."*) ;; *) for port in {ports}; do '
        'ss -HKtn state connected "( sport = :$port )"; done >/dev/null 2>&1 ;; esac\n'
        'printf "\\n== hooks %s\\n\\n== cut\\n" "$left"\n'
    )
    quoted = "'" + inner.replace("'", "'\\''") + "'"
    root = "sudo -n " if card.become else ""
    return f'exec {root}sh -c {quoted} cut "$SSH_CONNECTION"'
