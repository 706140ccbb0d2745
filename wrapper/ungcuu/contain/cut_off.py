"""Cut a host off the network from its containment card: one OpenSSH connection, no Ansible, no inventory.

The protocol of that one connection, so that the responder can't lock themselves out and the cut fails closed:

1. The host says which address it sees the controller come from; the rules are for the allow-list alone.
2. The host reads its volatile state (sockets, processes, sessions, packet filter) and sends it back. Where that does
   not end in time, by this controller's own clock, a second connection cuts without it.
3. The controller sends the rules only then, and only when the allow-list holds that address; else nothing is touched.
4. The rules count only when their last line has arrived; they are loaded in one transaction, or not at all. The host
   names its network devices in them; where its kernel takes no hooks on devices, the other rules are loaded alone.
5. Nothing on the host reverts them.
6. Neighbours' hardware addresses are made permanent afterwards, in the background: nobody waits for it.
7. A connection that is up already goes first; where it does not prove the cut at once, a new one is made beside it
   (:mod:`ungcuu.contain.race`).
8. What the host says about all of this is a claim: :mod:`ungcuu.contain.outside` looks whether it is true.

The host needs sshd, sudo, sh, coreutils' timeout and nft: no Python, no free disk space. Only the standard library is
imported here, since every import delays the cut.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ungcuu.contain import early, held
from ungcuu.contain.allowlist import AllowList, Unresolved, allow_list, parse_address
from ungcuu.contain.endings import CutEnding
from ungcuu.contain.race import Race
from ungcuu.contain.shell import FUNCTIONS
from ungcuu.core.phrases import Coded, Detail, phrase
from ungcuu.hosts import ssh

if TYPE_CHECKING:
    from ungcuu.contain.card import Card

TABLE = "inet ungcuu_isolation"
LAST_LINE = "# end of isolation"
CUT_SECONDS = 45.0
WORD_SECONDS = 20.0  # until a host says its first word: the login of a busy one takes that long
LOAD_SECONDS = 12.0  # from the rules to the host's word that they are loaded
AGAIN_SECONDS = 10.0
SNAPSHOT_SECONDS = 4
SNAPSHOT_QUOTA = 8 << 20  # bytes; a lying host must not delay the cut with an endless process list

# By sshd, before it even asked for a key. The line without the prefix comes at INFO, which ``ssh`` is not asked for.
_TURNED_AWAY = re.compile(r"(?:kex_exchange_identification: (?:read: |write: )?)?Connection (?:reset|closed) by ")

# What the snapshot reads: what the cut ends. The rest is for `collect`, since each program here delays the cut: so is
# `ss -e`, which walks all control groups to name one, 45 ms of CPU on a host with many. Names and commands are
# constants; nothing of the host gets in here.
SNAPSHOT: Mapping[str, str] = {
    "sockets": "ss -tunapio",
    "processes": "ps -eo pid,ppid,user,lstart,stat,tty,args -ww",
    "sessions": "who -a",
    "executables": "ls -ln /proc/[0-9]*/exe /proc/[0-9]*/ns/net",
    "links": "echo /run/netns/*; while read -r line; do case $line in nsfs*) echo $line;; esac; done </proc/mounts; "
    "ip -d link",
    "packet_filter": "nft list ruleset",
}
SLOW = ("executables", "sockets")  # some 20 ms each, on a host with 60 processes

# What the host may say of the rules on its network devices: loaded, or why they, or some, are not.
HOOKS = ("yes", "name", "many", "none", "kernel", "rules")

_INCOMPLETE, _NOT_LOADED = 65, 66
_SNAPSHOT_WHOLE, _SNAPSHOT_END = b"== whole\n", b"\n== end\n"


class NotAllowed(Exception):
    """The allow-list does not hold the address that the host sees the controller come from."""

    def __init__(self, seen: str) -> None:
        super().__init__(seen)
        self.seen = seen


@dataclass(frozen=True)
class Cut:
    """How the cut of one host ended. ``snapshot`` comes from the host: evidence, never shown as it is."""

    host: str
    ending: CutEnding
    seconds: float
    detail: str | Coded = ""  # why; a text is what ssh said
    seen: str = ""
    snapshot: bytes = b""
    hooks: str = ""  # "yes", or why the host says that its network devices are not closed: see ``shell``

    @property
    def done(self) -> bool:
        """Whether the host said that the rules are loaded. That is its word, no more."""
        return self.ending == CutEnding.CUT

    @property
    def may_be_cut(self) -> bool:
        """Whether what follows a cut is worth doing: it was made, or nobody knows."""
        return self.ending in (CutEnding.CUT, CutEnding.UNKNOWN)

    @property
    def sent(self) -> bool:
        """Whether the rules were sent, so that they may be loaded whatever the host said."""
        return self.ending in (CutEnding.CUT, CutEnding.FAILED, CutEnding.UNKNOWN)

    @property
    def sha256(self) -> str:
        """Hash of the snapshot."""
        return hashlib.sha256(self.snapshot).hexdigest()


def cut(card: Card, mode: str = "full", more: Sequence[str] = ()) -> Cut:
    """Read the volatile snapshot of a host and cut it off, in one connection.

    Args:
        card: The host's containment card.
        mode: One of :data:`ungcuu.contain.early.MODES`.
        more: Addresses that the responder adds to the card's allow-list.
    """
    try:
        allowed = allow_list([*card.allow.ipv4, *card.allow.ipv6, *more])
        rules = neighbours(card, allowed) + card.rules_for(mode, allowed)
        talk = _talk(card, allowed, rules.encode())
    except Unresolved as gap:
        return Cut(card.host, CutEnding.REFUSED, 0.0, phrase(Detail.NAME_UNRESOLVED, name=gap.name))
    except NotAllowed as gap:
        return Cut(card.host, CutEnding.REFUSED, 0.0, phrase(Detail.ADDRESS_NOT_ALLOWED), gap.seen)
    except ssh.HostKeyRefused as gap:
        return Cut(card.host, CutEnding.REFUSED, 0.0, phrase(gap.code))
    return _ended(card.host, talk)


def neighbours(card: Card, allowed: AllowList) -> str:
    """Return the line that says whose hardware addresses are made permanent: networks; ADDRESS=MAC where known."""
    if not card.pin_neighbours:
        return ""
    known = [f"{address}={mac}" for address, mac in card.neighbours.items() if parse_address(address)]
    return f"# neighbours: {' '.join([*allowed.ipv4, *allowed.ipv6])};{' '.join(known)}\n"


@dataclass(frozen=True)
class Talk:
    """One conversation, as it ended."""

    exchange: _Exchange
    answer: ssh.Streamed

    @property
    def sent(self) -> bool:
        """Whether the rules were sent."""
        return self.exchange.sent

    @property
    def proven(self) -> bool:
        """Whether the host said that the rules which it was sent are loaded. It is its word, see above."""
        return self.answer.ok and self.exchange.sent and bytes(self.exchange.said).endswith(b"\n== cut\n")


def _talk(card: Card, allowed: AllowList, rules: bytes) -> Talk:
    """Have the conversation over a connection that is up already, and over a new one where that does not prove it."""
    begun = time.monotonic()
    target = card.target_without_become
    master = held.connection(card) or ssh.shared_connection(target)
    if master is None:
        talk = _over_new(card, lambda **how: _Exchange(allowed, rules, **how), begun)
    else:
        joined, race = replace(target, master=master), Race[Talk]()

        def over_held() -> Talk:
            exchange = _Exchange(allowed, rules, over=race.over, spoke=race.spoke)
            command = ssh.ssh_command(joined, ["sh", "-c", script(card)])
            return Talk(exchange, _stream(card, joined, exchange, early.take(card.host, command)))

        talk = race.run(
            over_held, lambda: _over_new(card, lambda **how: _Exchange(allowed, rules, over=race.over, **how), begun)
        )
    return replace(talk, answer=replace(talk.answer, seconds=time.monotonic() - begun))


def _over_new(card: Card, new: Callable[..., _Exchange], begun: float) -> Talk:
    """Talk over a new connection. A host whose snapshot has no end is asked again without one.

    The rules are sent after the snapshot, so that nothing was done yet, and nothing is left on the host that would
    load them later.
    """
    talk = _knock(card, new, begun)
    if _stuck(talk):
        partial = talk.exchange.snapshot
        talk = _knock(card, lambda: new(with_snapshot=False), begun)
        talk.exchange.partial = partial
    return talk


def _stuck(talk: Talk) -> bool:
    """Whether the host began to read its state and did not come to an end."""
    exchange, over = talk.exchange, talk.answer.ending in (ssh.Ending.TIMED_OUT, ssh.Ending.QUOTA)
    return over and exchange.with_snapshot and bool(exchange.said) and not exchange.sent and not exchange.over()


def _knock(card: Card, new: Callable[[], _Exchange], begun: float) -> Talk:
    """Talk over a new connection, again and again for ``AGAIN_SECONDS`` while the host turns callers away.

    sshd turns callers away by chance while others crowd it (its ``MaxStartups``), and whenever it can't fork, which may
    be after the login too.
    """
    while True:
        exchange = new()
        answer = _stream(card, card.target_without_become, exchange)
        late = time.monotonic() - begun > AGAIN_SECONDS or exchange.over()
        if late or not _turned_away(exchange, answer):
            return Talk(exchange, answer)
        time.sleep(0.1)


def _turned_away(exchange: _Exchange, answer: ssh.Streamed) -> bool:
    """Whether nothing was done on the host, and the next moment may be better."""
    if answer.ending is ssh.Ending.NOT_REACHED:
        return _TURNED_AWAY.match(answer.detail) is not None
    if answer.ending is ssh.Ending.LOST:
        return not exchange.sent
    return answer.ending is ssh.Ending.EXITED and answer.returncode != 0 and b"fork" in answer.stderr


def _stream(card: Card, target: ssh.Target, exchange: _Exchange, started: early.Started | None = None) -> ssh.Streamed:
    return ssh.stream(
        target,
        script(card, exchange.with_snapshot),
        exchange.take,
        reply=exchange.reply,
        timeout=CUT_SECONDS,
        quota=SNAPSHOT_QUOTA + (1 << 20),
        deadline=exchange.deadline,
        started=started,
    )


def cut_all(
    cards: Sequence[Card],
    mode: str = "full",
    more: Sequence[str] = (),
    ended: Callable[[Cut], object] = lambda _cut: None,
) -> list[Cut]:
    """Cut several hosts off at once; each has its own outcome, and none waits for another.

    ``ended`` is called with each outcome as it comes, from that host's thread.
    """

    def one(card: Card) -> Cut:
        try:
            found = cut(card, mode, more)
        except Exception as fault:  # of one host alone: the others were cut, and must be reported and made to last
            found = Cut(card.host, CutEnding.UNKNOWN, 0.0, f"{type(fault).__name__}: {fault}")
        ended(found)
        return found

    if len(cards) == 1:
        return [one(cards[0])]
    import concurrent.futures  # late: one host, the usual case, does without

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(32, len(cards) or 1)) as pool:
        return list(pool.map(one, cards))


class _Exchange:
    """The controller's side of the one connection, and its clock: the host's own limits may be the intruder's.

    ``over`` says that another connection has proven the cut, so that this one is stopped; ``spoke`` is called at the
    host's first word.
    """

    def __init__(
        self,
        allowed: AllowList,
        rules: bytes,
        seconds: float = WORD_SECONDS,
        *,
        with_snapshot: bool = True,
        over: Callable[[], bool] = lambda: False,
        spoke: Callable[[], object] = lambda: None,
    ) -> None:
        self.allowed, self.rules, self.with_snapshot = allowed, rules, with_snapshot
        self.over, self._spoke = over, spoke
        self.said = bytearray()
        self.seen = ""
        self.sent = False
        self.partial = b""
        self._end = time.monotonic() + seconds

    def take(self, piece: bytes) -> None:
        if not self.said:
            self._end = time.monotonic() + SNAPSHOT_SECONDS + 0.5
            self._spoke()
        self.said += piece

    def deadline(self) -> float:
        """When the step under way must have ended, on the monotonic clock."""
        return 0.0 if self.over() else self._end

    def reply(self, piece: bytes) -> bytes | None:
        """Give the rules when the host has read its state, and only when its view of us stays allowed."""
        line, ended, _rest = bytes(self.said[:512]).partition(b"\n")
        if not ended:
            return None if len(self.said) < 512 else self._refuse("")
        words = line.decode("ascii", "replace").split()
        seen = parse_address(words[1]) if len(words) > 1 and words[0] == "from" else None
        self.seen = str(seen) if seen else ""
        if not self.allowed.holds(self.seen):
            return self._refuse(self.seen)
        if _SNAPSHOT_END not in self.said[-len(piece) - len(_SNAPSHOT_END) :]:
            return None
        self.sent, self._end = True, time.monotonic() + LOAD_SECONDS
        return self.rules

    @property
    def snapshot(self) -> bytes:
        """What the host read before the cut, as far as it came."""
        return self.partial or self._read.removesuffix(_SNAPSHOT_WHOLE)

    @property
    def whole(self) -> bool:
        """Whether the host read its state to the end: its own limit of time, or the quota, may have ended that."""
        return self.with_snapshot and self._read.endswith(_SNAPSHOT_WHOLE)

    @property
    def _read(self) -> bytes:
        return bytes(self.said).partition(b"\n")[2].partition(_SNAPSHOT_END)[0]

    @staticmethod
    def _refuse(seen: str) -> bytes:
        raise NotAllowed(seen)


def _ended(host: str, talk: Talk) -> Cut:
    answer, exchange = talk.answer, talk.exchange
    rest = bytes(exchange.said).partition(_SNAPSHOT_END)[2]
    hooks = rest.partition(b"== hooks ")[2].partition(b"\n")[0].decode("ascii", "replace")
    hooks = hooks if hooks in HOOKS else "unknown"

    def end(ending: CutEnding, detail: str | Coded) -> Cut:
        return Cut(host, ending, answer.seconds, detail, exchange.seen, exchange.snapshot, hooks)

    if talk.proven:
        return end(CutEnding.CUT, "" if exchange.whole else phrase(Detail.SNAPSHOT_PARTIAL))
    if answer.ending is ssh.Ending.NOT_REACHED:
        return Cut(host, CutEnding.NOT_REACHED, answer.seconds, answer.detail)
    if not exchange.sent:
        return end(CutEnding.NOT_SENT, _not_asked(answer, exchange))
    if answer.ending is ssh.Ending.EXITED:
        return end(CutEnding.FAILED, _reason(answer))
    return end(CutEnding.UNKNOWN, answer.detail)


def _not_asked(answer: ssh.Streamed, exchange: _Exchange) -> str | Coded:
    """Why the rules were never sent: the host lets us in and then does not do its part."""
    if answer.ending is ssh.Ending.EXITED:
        said = answer.stderr.decode("utf-8", "replace").strip()[-300:]
        return phrase(Detail.CUT_ENDED_EARLY, said=said)
    if answer.ending is ssh.Ending.LOST:
        return answer.detail
    if exchange.said:
        return phrase(Detail.CUT_WITHOUT_END)
    return phrase(Detail.CUT_NEVER_ASKED, seconds=round(answer.seconds))


def _reason(answer: ssh.Streamed) -> Coded:
    known = {_INCOMPLETE: Detail.RULES_TORN, _NOT_LOADED: Detail.RULES_REFUSED}
    said = answer.stderr.decode("utf-8", "replace").strip()[-300:]
    return phrase(known.get(answer.returncode or 0, Detail.RULES_NOT_LOADED), said=said)


def _snapshot_part() -> str:
    """Read the state of the host: the slow programs beside the others, each given out whole where it is its turn."""
    parts = {name: f"{{ {what}; }} 2>&1" for name, what in SNAPSHOT.items()}
    lines = "\n".join(f'echo "== {name}"; {what}' for name, what in parts.items() if name not in SLOW)
    for name in SLOW:
        lines = f'{parts[name]} | {{ {lines}\necho "== {name}"; cat; }}'
    lines += f'\necho "{_SNAPSHOT_WHOLE.decode().strip()}"'  # not reached where time or quota ended it
    return f"timeout {SNAPSHOT_SECONDS} sh -c '\n{lines}\n' </dev/null | head -c {SNAPSHOT_QUOTA}\n"


def script(card: Card, with_snapshot: bool = True) -> str:
    """Return the shell script that runs on the host. It holds no data: the rules come on standard input.

    Without the snapshot it holds nothing before the cut that the host could delay, but sudo and the shell.

    Where the rules leave the site's ports open to answers, connections that those ports had before are ended: one
    of them may be the intruder's own way out, from port 80 on purpose. A visitor comes again.
    """
    ports = " ".join(str(port) for port in card.public_ports)
    inner = (
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH LC_ALL=C; printf "from %s\\n" "$1"\n'
        + (_snapshot_part() if with_snapshot else "")
        + 'printf "\\n== end\\n"\n'
        "rules=$(cat)\n"
        f'case "$rules" in *"{LAST_LINE}") ;; *) exit {_INCOMPLETE} ;; esac\n'
        f"{FUNCTIONS}"
        f'load_rules "" || exit {_NOT_LOADED}\n'
        "hand_over </dev/null\n"
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
