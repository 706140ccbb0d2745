# Takes the containment tables away, those that are there.
set -e
done=same
for family in netdev inet; do
    nft list table $family ungcuu_isolation >/dev/null 2>&1 || continue
    nft delete table $family ungcuu_isolation
    done=lifted
done
echo $done
