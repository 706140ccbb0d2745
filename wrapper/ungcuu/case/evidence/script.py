"""The program that runs on the host: one POSIX shell, fed over standard input, one item after another.

Only dash, coreutils and what Debian marks as essential are taken for granted; Python isn't. Each item ends with a
trailer between two markers that were drawn for this connection: nobody on the host but root can know them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ungcuu.case.evidence.profile import Spec, quote

# Starts the program in a mount namespace of its own where the kernel allows; "bare" is for hosts that hang on it.
LAUNCH = """
PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH
if [ "$1" = view ] && unshare --mount --propagation private true 2>/dev/null; then
  exec unshare --mount --propagation private /bin/sh -s view
fi
exec /bin/sh -s bare
"""

_PROGRAM = r"""
LC_ALL=C.UTF-8 TZ=UTC HOME=/nonexistent HISTFILE=/dev/null MYSQL_HISTFILE=/dev/null SYSTEMD_PAGER= PAGER=cat
export LC_ALL TZ HOME HISTFILE MYSQL_HISTFILE SYSTEMD_PAGER PAGER
unset LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT ENV BASH_ENV TAR_OPTIONS GREP_OPTIONS MYSQL_HOME
umask 077; cd /
exec 3>&1
read_only() {
  set -f
  while read -r line; do
    type=${line#* - }; type=${type%% *}
    case $type in autofs|nfs|nfs4|cifs|smb3|ceph|9p|fuse.*) continue;; esac
    set -- $line
    place=$5; case $place in *\\*) place=$(printf '%b' "$place");; esac
    mount -o remount,bind,ro,noatime "$place" 2>/dev/null
  done </proc/self/mountinfo
  set +f
}
writable() {
  while read -r _ _ _ _ place options _; do
    case ,$options, in *,rw,*) printf ' %s' "$place";; esac
  done </proc/self/mountinfo
}
trailer() { printf '\n%s\n%s\n%s.\n' "$M" "$1" "$M"; }
item() {
  status=$( { timeout -k 2 "$1" /bin/sh -c "$2" </dev/null >&3 2>&4 3>&- 4>&-; echo "rc $?" >&4; } 4>&1 | tail -c 1500 )
  trailer "$status"
}
"""

# What items may use. It travels with each item, since each runs in a shell of its own.
# 66 is EX_NOINPUT of sysexits.h: nothing of what the item looks for is on the host.
_HELPERS = r"""missing() { echo "$*" >&2; exit 66; }
pack() {
  tar --create --format=posix --xattrs --xattrs-include='*' --sparse --atime-preserve=system --ignore-failed-read \
    --warning=no-file-changed --warning=no-file-ignored --absolute-names "$@"
}
archive() {
  for place do shift; if [ -e "$place" ] || [ -L "$place" ]; then set -- "$@" "$place"; fi; done
  [ $# -gt 0 ] || missing "none of these places exists"
  pack -- "$@"
}
"""


def program(marker: str, specs: Sequence[Spec], variables: Mapping[str, str]) -> bytes:
    """Return the program for these items. ``variables`` are the site's facts from the inventory, by shell name."""
    lines = [f"M={marker}", *(f"{name}={quote(value)}; export {name}" for name, value in sorted(variables.items()))]
    lines += [_PROGRAM, '[ "$1" = view ] && read_only', 'date +%s.%N; writable; trailer "rc 0"']
    lines += [_call(spec) for spec in specs]
    return ("\n".join(lines) + "\nexit 0\n").encode()


def _call(spec: Spec) -> str:
    # Bytes are counted on the controller alone: head(1) here would hold back what a hanging item had said so far.
    return f"item {spec.limit_seconds:g} {quote(_HELPERS + spec.how)}"
