# services.sh start|stop "pattern…" [check]: starts the enabled services that match and do not run, or stops those that run.
# Prints each one that it touched, with check each one that it would touch.
set -e
what=$1
for pattern in $2; do
    for unit in $(systemctl list-unit-files --type=service --state=enabled --no-legend "$pattern.service" | cut -d' ' -f1); do
        if systemctl --quiet is-active "$unit"; then running=yes; else running=no; fi
        if [ "$what-$running" = start-no ] || [ "$what-$running" = stop-yes ]; then
            [ "${3-}" = check ] || systemctl "$what" "$unit"
            echo "$unit"
        fi
    done
done
