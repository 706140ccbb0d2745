# UNGCUU-DRILL-MARKER: whether the passwords that the intruder noted open the databases.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
for name in portal gia; do
    [ -s "/run/ungcuu-drill-$name" ]
    if MYSQL_PWD=$(cat "/run/ungcuu-drill-$name") mariadb -u "$name" "$name" -e 'SELECT 1' >/dev/null 2>&1; then
        echo "$name opens"
    else
        echo "$name is refused"
    fi
done
