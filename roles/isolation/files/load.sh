# Reads the rules on standard input and loads them unless the live ones are the same, to the last rule: they are
# compared as nft lists them, the wanted ones from a network namespace of their own. Says "loaded" or "same".
# The second argument names ports that the rules leave open to answers. A connection of one of them that was there
# before may be the intruder's own way out, from port 80 on purpose; a visitor comes again, so all of them are ended.
list() { nft -s list table inet ungcuu_isolation 2>/dev/null; }
rules=$(cat)
live=$(list)
if [ -n "$live" ]; then
    wanted=$(printf '%s\n' "$rules" | unshare -n sh -c 'nft -f - && nft -s list table inet ungcuu_isolation' 2>/dev/null)
    [ "$live" = "$wanted" ] && echo same && exit 0
fi
[ "$1" = check ] && echo loaded && exit 0
printf '%s\n' "$rules" | nft -f - || exit 1
for port in $2; do ss -HKtn state connected "( sport = :$port )" >/dev/null 2>&1; done
echo loaded
