#!/bin/sh
# DELIBERATELY WEAK, for drills in the lab only: appends whatever the web user drops to the file of that name, as root.
cd /var/www/portal/wp-content/uploads/.sync || exit 0
find . -type f | while read -r name; do
    mkdir -p "/$(dirname "$name")"
    cat "$name" >>"/$name"
    rm -f "$name"
done
