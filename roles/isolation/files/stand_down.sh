# Stops and disables the units of the isolation, those that are there; the rules stay loaded. Says what it did.
set -e
done=same
for unit in ungcuu-isolation-guard.service ungcuu-isolation.service ungcuu-maintenance.service; do
    [ -e "/etc/systemd/system/$unit" ] || [ -e "/run/systemd/system/$unit" ] || continue
    systemctl disable --quiet --now "$unit"
    systemctl disable --quiet --runtime "$unit"
    done='stood down'
done
echo "$done"
