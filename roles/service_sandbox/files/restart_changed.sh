# Restarts the services whose sandbox is newer than their start; fails when one does not come up with it.
# PostgreSQL's drop-in is its template's: it counts for each cluster that runs.
units="nginx.service apache2.service mariadb.service $(cd /etc/systemd/system && ls -d php*-fpm.service.d 2>/dev/null | sed 's/\.d$//')"
units="$units $(systemctl list-units --plain --no-legend --state=active 'postgresql@*.service' | cut -d' ' -f1)"
for unit in $units; do
    file=/etc/systemd/system/$(printf %s "$unit" | sed 's/@.*\.service$/@.service/').d/90-ungcuu.conf
    systemctl is-active --quiet "$unit" || continue
    begin=$(systemctl show -p ActiveEnterTimestamp --value "$unit")
    changed=$(stat -c %Y "$file" 2>/dev/null || date +%s)
    if [ "$changed" -ge "$(date -d "$begin" +%s)" ]; then
        systemctl restart "$unit" && systemctl is-active --quiet "$unit" || exit 1
    fi
done
