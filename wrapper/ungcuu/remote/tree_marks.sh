# A mark of each folder that a scan reads: it changes when anything below it does. Sent over SSH's standard input to
# `sh -s`; writes nothing. Python would take longer to start than all of this takes.
#
#     sh -s -- SECONDS ROOTS WORDS...        ROOTS: patterns, one a line; WORDS: what find leaves out
#
# For each folder or file that is there: find's exit status (124: not seen in time), the sum, the path and NUL. No file is
# opened. A folder's own size and times only repeat what its entries say, which are here themselves; the time of change
# (ctime) can't be set back by an account that is not root.
PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL
unset LD_PRELOAD LD_LIBRARY_PATH POSIXLY_CORRECT
seconds=$1 roots=$2
shift 2
IFS='
'
for root in $roots; do
    [ -e "$root" ] || [ -L "$root" ] || continue
    {
        {
            timeout "$seconds" find "$root" "$@" -type d -printf '%p %m %U %G\0' -o \
                -printf '%p %m %U %G %i %n %s %T@ %C@\0' 2>/dev/null
            echo "$?" >&3
        } </dev/null | sha256sum >&3
    } 3>&1
    printf '%s\0' "$root"
done
