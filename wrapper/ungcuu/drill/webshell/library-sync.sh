#!/bin/sh
# DELIBERATELY WEAK, for drills in the lab only: appends whatever the web user drops to the file of that name, as root.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
cd /var/www/portal/wp-content/uploads/.sync || exit 0
# A file that comes while this runs starts nothing by itself: so it looks again, for a few seconds.
for round in 1 2 3 4 5; do
    find . -type f | while read -r name; do
        mkdir -p "/$(dirname "$name")"
        cat "$name" >>"/$name"
        rm -f "$name"
    done
    sleep 1
done
