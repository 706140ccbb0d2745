# lift.sh [check]: takes the containment tables away, those that are there; with check it only says whether there are any.
set -e
done=same
for family in netdev inet; do
    nft list table $family ungcuu_isolation >/dev/null 2>&1 || continue
    [ "${1-}" = check ] || nft delete table $family ungcuu_isolation
    done=lifted
done
echo $done
