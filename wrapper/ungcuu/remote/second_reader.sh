# The second reader: says once more, without Python, what is on this host. Sent over SSH's standard input to `sh -s`; nothing
# of it lies on the host's disks, and it writes nothing there. The controller adds the calls of `listings` and `samples`.
#
#     sh -s -- WEB_ROOT COUNT TREE... WRITABLE...
#
# It prints records that end with NUL, which no path can hold:
#     Ltype mode uid gid size ctime path     an entry of a listing
#     <64 digits>  path                      the SHA-256 of a file (of a listing, or of a sample)
#     Cpath                                  a file with PHP code in a writable folder of the website
#     B<64 digits>  path                     the same sum by busybox, where there is one
#     Nseconds                               the host's clock at the beginning
#     Wpath, Upath                           the web root and its writable folders, links resolved
#     T                                      a listing was cut short: it took too long
#     E                                      the end: everything was said
# The controller chooses the paths of `samples` after the first reader has spoken.
PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL
unset LD_PRELOAD LD_LIBRARY_PATH POSIXLY_CORRECT
form='L%y %m %U %G %s %C@ %p\0'

list() {
    timeout 90 find "$@" -printf "$form" 2>/dev/null
    [ $? -ne 124 ] || printf 'T\0'
}
sums() { timeout 90 find "$@" -type f -size -8192k -print0 2>/dev/null | xargs -0 -r sha256sum -z -- 2>/dev/null; }

listings() {
    printf 'N%s\0' "$(date +%s)"
    web=$(readlink -f -- "$1"); count=$2; shift 2
    printf 'W%s\0' "$web"
    while [ "$count" -gt 0 ]; do
        list "$1" -xdev -path "$web" -prune -o
        case $1 in /etc | /var/spool/cron | /run/systemd/system) sums "$1" -xdev ;; esac
        count=$((count - 1)); shift
    done
    for home in /root /home/*; do
        [ -d "$home/.ssh" ] || continue
        list "$home/.ssh" -xdev -type f
        sums "$home/.ssh" -xdev
    done
    list / -xdev -type f -perm /6000
    sums / -xdev -perm /6000
    list /usr/bin /usr/sbin -type f -perm /111
    list /usr/lib/python3* -type f \( -name '*.py' -o -name '*.so' \)

    # The website: each name outside the writable folders; inside them names and contents that say code.
    count=$#
    while [ "$count" -gt 0 ]; do
        place=$(readlink -f -- "$1"); shift
        printf 'U%s\0' "$place"
        if [ -d "$place" ]; then
            list "$place" -xdev -type f -regextype posix-extended \
                -iregex '.*\.(php[0-9]?|phtml|pht|phps|phar|inc|cgi|pl|py|sh|asp|aspx|jsp|so)(\..*)?'
            timeout 60 find "$place" -xdev -type f -size -4096k -ctime -60 -print0 2>/dev/null |
                xargs -0 -r grep -ZlaiE '<\?php([[:space:]/#]|$)' 2>/dev/null |
                xargs -0 -r printf 'C%s\0'
        fi
        set -- "$@" -path "$place" -prune -o
        count=$((count - 1))
    done
    [ -d "$web" ] && list "$web" -xdev "$@"
}

# Paths that end with NUL, in base64, on standard input.
samples() {
    base64 -d | xargs -0 -r sha256sum -z -- 2>/dev/null
    if command -v busybox >/dev/null; then
        for tool in find sha256sum sh python3; do
            file=$(readlink -f "$(command -v "$tool")") && busybox sha256sum "$file" | while read -r sum name; do
                printf 'B%s  %s\0' "$sum" "$name"
            done
        done
    fi
}
