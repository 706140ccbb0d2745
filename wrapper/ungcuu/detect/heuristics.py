"""What a file's bytes give away. Pure; each rule is our own, its weight is added once, and 5 is enough.

The patterns use bounded repetition only: a file written to make them slow can't.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ungcuu.core.terminal import clean

ENOUGH = 5
LIMIT = 512 << 10
SHORT = 16 << 10  # bytes of a file in which weak signs count together

# What a server runs by its name, what it hands out as a page, and what says how the server runs things.
CODE_NAME = re.compile(r"\.(?:php\d?|phtml|pht|phps|phar|inc|cgi|pl|py|sh|asp|aspx|jsp)(?:\.|$)", re.IGNORECASE)
PAGE_NAME = re.compile(r"\.(?:html?|xhtml|shtml|js|mjs|svg|xml|css|txt)$", re.IGNORECASE)
SERVER_NAME = re.compile(r"/(?:\.ht[a-z]+|\.user\.ini|php\.ini|web\.config)$", re.IGNORECASE)
# What git runs, and what names what it runs.
GIT_NAME = re.compile(r"/\.git/(?:hooks/(?!.*\.sample$)|config$|modules/.*/(?:hooks/|config$))")

_INPUT = rb"\$_(?:GET|POST|REQUEST|COOKIE|SERVER|FILES)\b"
_RUN = rb"(?:system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec)"
_UNPACK = rb"(?:base64_decode|gzinflate|gzuncompress|gzdecode|str_rot13|hex2bin|convert_uudecode|strrev)"


@dataclass(frozen=True)
class Pattern:
    """One sign in PHP code."""

    name: str
    weight: int
    expression: re.Pattern[bytes]


def _pattern(name: str, weight: int, expression: bytes) -> Pattern:
    return Pattern(name, weight, re.compile(expression, re.IGNORECASE))


PATTERNS = (
    _pattern("runs-input", 5, rb"\b" + _RUN + rb"\s{0,9}\([^;]{0,200}" + _INPUT),
    _pattern("evaluates-input", 5, rb"\b(?:eval|assert|create_function)\s{0,9}\([^;]{0,200}" + _INPUT),
    _pattern("evaluates-unpacked", 5, rb"\b(?:eval|assert)\s{0,9}\(\s{0,9}@?[^;]{0,80}" + _UNPACK),
    _pattern("calls-input", 5, _INPUT + rb"\s{0,9}\[[^\]]{0,80}\]\s{0,9}\("),
    _pattern("writes-input", 5, rb"\b(?:file_put_contents|fwrite|fputs)\s{0,9}\([^;]{0,300}" + _INPUT),
    _pattern("includes-input", 4, rb"\b(?:include|require)(?:_once)?\b[^;]{0,80}" + _INPUT),
    _pattern("keeps-upload", 3, rb"\bmove_uploaded_file\s{0,9}\([^;]{0,200}" + _INPUT),
    _pattern("unpacks-twice", 3, _UNPACK + rb"\s{0,9}\(\s{0,9}" + _UNPACK),
    _pattern("runs-command", 2, rb"(?<![\w>:$])" + _RUN + rb"\s{0,9}\("),
    _pattern("evaluates", 2, rb"(?<![\w>:$])eval\s{0,9}\("),
    _pattern(
        "replaces-with-code", 4, rb"\bpreg_replace\s{0,9}\(\s{0,9}['\"](.)[^'\"]{0,200}\1[a-z]{0,5}e[a-z]{0,5}['\"]"
    ),
    _pattern("backticks-input", 5, rb"`[^`\n]{0,200}" + _INPUT + rb"[^`\n]{0,200}`"),
    _pattern("long-encoded-text", 2, rb"['\"][A-Za-z0-9+/=]{800,}['\"]"),
    _pattern("escaped-names", 3, rb"(?:\\x[0-9a-f]{2}){12}"),
    _pattern("built-from-numbers", 3, rb"(?:chr\s{0,3}\(\s{0,3}\d{1,3}\s{0,3}\)\s{0,3}\.\s{0,3}){6}"),
    _pattern("variable-function", 2, rb"\$\{?\w{1,40}\}?\s{0,3}\(\s{0,3}" + _INPUT),
    _pattern("opens-socket", 2, rb"\b(?:fsockopen|stream_socket_client|socket_connect)\s{0,9}\("),
    _pattern("shell-path", 2, rb"/dev/tcp/|/bin/(?:ba)?sh\s{1,3}-[ic]\b"),
    _pattern("fetches-page", 2, rb"\b(?:file_get_contents|fopen|curl_init)\s{0,9}\(\s{0,9}['\"]https?://"),
    _pattern("asks-for-crawler", 3, rb"HTTP_USER_AGENT[^;]{0,200}(?:googlebot|bingbot|crawl|spider)"),
)
_SERVER = re.compile(
    rb"^\s{0,40}(?:AddHandler|AddType|SetHandler|ForceType|php_value|php_admin_value|auto_prepend_file|auto_append_file|"
    rb"Options\s{1,9}[^\n]{0,80}ExecCGI|Action\b)",
    re.IGNORECASE | re.MULTILINE,
)
_PREPENDED = re.compile(
    rb"^(?!\s{0,40}[;#])[^\n]{0,200}\bauto_(?:pre|ap)pend_file\b[\]\"' \t=]{1,20}(?!none\b)[^\s\"';=\]]",
    re.IGNORECASE | re.MULTILINE,
)
_REMARK = re.compile(rb"\s{1,4096}|(?://|#)[^\n]{0,4096}(?:\n|\Z)|/\*.{0,4096}?\*/|\?>|<\?php\b", re.DOTALL)

_OPEN_TAG = re.compile(rb"<\?(?:php(?=\s|\Z)|=)", re.IGNORECASE)
_SHORT_TAG = re.compile(rb"<\?(?:php(?=\s|\Z)|=)?", re.IGNORECASE)
_SHORT_ALONE = re.compile(rb"<\?(?!php\s|=|xml\b)", re.IGNORECASE)
# One piece of PHP code. A remark of one line ends at the closing tag; `#[` is an attribute, which is code.
_TOKEN = re.compile(
    rb"(?P<remark>/\*.*?\*/|(?://|#(?!\[))[^\n]*?(?=\?>|\n|\Z))"
    rb"|<<<[ \t]*(?P<quote>['\"]?)(?P<name>\w{1,80})(?P=quote)\r?(?=\n)"
    rb"|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`|\?>|[^/#<'\"`?]+|[/#<?](?![*/])|[<?]",
    re.DOTALL,
)

# Words of gambling sites as they stand in pages injected into Vietnamese public sites; hidden ones weigh.
GAMBLING = (
    "nh[àa] c[áa]i|c[áa] c[ưu][ợo]c|t[àa]i x[ỉi]u|n[ổo] h[ũu]|x[óo]c [đd][ĩi]a|b[ắa]n c[áa] [đd][ổo]i th[ưu][ởo]ng|"
    "l[ôo] [đd][ềe]|đá gà|casino|baccarat|slot game|poker online|betting|sportsbook|jackpot|togel|gacor|j88|fun88|w88|"
    "188bet|bk8|fb88"
)
# The same in the database's own regular expressions (PCRE there too). Neither holds a quote or a backslash.
HIDDEN = (
    "display ?: ?none|visibility ?: ?hidden|(left|top|text-indent) ?: ?-[0-9]{3,5}|font-size ?: ?0|opacity ?: ?0[^.]"
)
_GAMBLING = re.compile(GAMBLING, re.IGNORECASE)
_HIDDEN = re.compile(HIDDEN, re.IGNORECASE)
_LINK = re.compile(r"<a\s[^>]{0,300}href\s{0,3}=\s{0,3}[\"']?https?://", re.IGNORECASE)


@dataclass(frozen=True)
class Verdict:
    """What was recognised: names of patterns, their weight, the weight and the line of the strongest, cleaned."""

    names: tuple[str, ...] = ()
    weight: int = 0
    excerpt: str = ""
    strongest: int = 0

    @property
    def suspicious(self) -> bool:
        """Whether it is enough to call it a web shell or the like."""
        return self.weight >= ENOUGH


def judge(data: bytes) -> Verdict:
    """Return what PHP code gives away."""
    data = data[:LIMIT]
    hits = [(pattern, match) for pattern in PATTERNS if (match := pattern.expression.search(data))]
    if not hits:
        return Verdict(excerpt=first_line(data))
    worst, match = max(hits, key=lambda hit: hit[0].weight)
    start = max(0, match.start() - 20)
    names = tuple(pattern.name for pattern, _match in hits)
    total = sum(pattern.weight for pattern, _match in hits)
    return Verdict(names, total, clean(data[start : start + 160], 160), worst.weight)


def judge_unknown(data: bytes) -> Verdict:
    """Return what gives away code that no baseline vouches for, in a place where code belongs.

    Remarks don't count, and weak signs count together in a short file only: in the 100 kB of an application's own
    code they mean nothing.
    """
    head = data[:LIMIT]
    # Whether "<?" alone opens code depends on the server: such a file is judged both ways.
    ways = (_OPEN_TAG, _SHORT_TAG) if _SHORT_ALONE.search(head) else (_OPEN_TAG,)
    verdict = max((judge(without_remarks(head, tag)) for tag in ways), key=lambda one: (one.strongest, one.weight))
    enough = verdict.strongest >= ENOUGH or (verdict.suspicious and len(data) <= SHORT)
    return verdict if enough else Verdict(excerpt=verdict.excerpt)


def without_remarks(data: bytes, tag: re.Pattern[bytes] | None = None) -> bytes:
    """Return PHP code without its remarks. Texts stay, and so does everything outside of the tags."""
    out, position = [], 0
    while opened := (tag or _OPEN_TAG).search(data, position):
        out.append(data[position : opened.end()])
        position = opened.end()
        while position < len(data):
            token = _TOKEN.match(data, position)
            if token is None:  # a text or a remark that never ends: the rest stays, so that it is judged
                return b"".join([*out, data[position:]])
            end = _end_of_text(data, token)
            position = token.end() if end is None else end
            if token.lastgroup == "remark":
                out.append(b" ")
                continue
            out.append(data[token.start() : position])
            if token.group() == b"?>":
                break
    return b"".join([*out, data[position:]])


def _end_of_text(data: bytes, token: re.Match[bytes]) -> int | None:
    """Where a text of several lines (heredoc) ends that this piece of code begins; None where it begins none."""
    if not token["name"]:
        return None
    end = re.compile(rb"\n[ \t]{0,80}" + token["name"] + rb"\b").search(data, token.end())
    return end.end() if end else len(data)  # one that never ends is all text to PHP as well; it stays to be judged


def first_line(data: bytes) -> str:
    """Return the first line that says something, cleaned and short."""
    line = next((line for line in data[:4096].splitlines() if line.strip()), b"")
    return clean(line.strip()[:160], 160)


def only_remarks(data: bytes) -> bool:
    """Whether PHP code does nothing: the empty index.php that plugins put into their folders."""
    position = 0
    while position < len(data) <= 4096:
        match = _REMARK.match(data, position)
        # A remark that names the closing tag ends there, and code may follow: not decided here, so not harmless.
        if match is None or (b"?>" in match.group() and match.group() != b"?>"):
            return False
        position = match.end()
    return len(data) <= 4096


def changes_server(data: bytes) -> bool:
    """Whether a .htaccess, .user.ini or the like makes the server run something else."""
    return bool(_SERVER.search(data[:LIMIT]))


def hidden_links(data: bytes) -> Verdict:
    """Return whether a page carries gambling words, or links that nobody is to see."""
    text = data[:LIMIT].decode("utf-8", "replace")
    words = sorted({match.group().lower() for match in _GAMBLING.finditer(text)})
    links = len(_LINK.findall(text))
    hidden = bool(_HIDDEN.search(text)) and links > 0
    weight = min(len(words), 4) + (3 if hidden and words else 0) + (2 if links > 20 and words else 0)
    names = (*(["hidden-style"] if hidden else []), *words[:8])
    return Verdict(names, weight, ", ".join(words[:8]))


def runs_other_code(data: bytes) -> bool:
    """Whether a server's configuration makes PHP run a file before or after each page."""
    return bool(_PREPENDED.search(data[:LIMIT]))
