# stand_down.sh [check]: stops and disables the units of the isolation, those that are there; the rules stay loaded. Says
# what it did, with check what it would do.
set -e
done=same
for unit in ungcuu-isolation-guard.service ungcuu-isolation.service ungcuu-maintenance.service; do
    [ -e "/etc/systemd/system/$unit" ] || [ -e "/run/systemd/system/$unit" ] || continue
    done='stood down'
    [ "${1-}" != check ] || continue
    systemctl disable --quiet --now "$unit"
    systemctl disable --quiet --runtime "$unit"
done
echo "$done"
