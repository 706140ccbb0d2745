# Compares our settings with the kernel's. $0: probe (1 when one can be set and differs), apply (sets those), skipped (lists
# those that differ and can't be set). In a container /proc/sys is read-only: what can't be set is reported, never hidden.
status=0
while IFS='=' read -r key value; do
    case $key in '' | '#'*) continue ;; esac
    key=$(printf %s "$key" | tr -d ' ')
    value=${value# }
    file=/proc/sys/$(printf %s "$key" | tr . /)
    [ -e "$file" ] || continue
    [ "$(cat "$file" 2>/dev/null)" = "$value" ] && continue
    # Some values are one-way: a stricter kernel answers "not permitted" although the file is writable.
    if [ -w "$file" ]; then
        case $0 in
            apply) printf '%s\n' "$value" 2>/dev/null >"$file" || echo "$key" >>/run/ungcuu-sysctl-refused ;;
            probe) grep -qx "$key" /run/ungcuu-sysctl-refused 2>/dev/null || status=1 ;;
        esac
    fi
    [ "$0" = skipped ] && printf '%s\n' "$key"
done 2>/dev/null </etc/sysctl.d/99-ungcuu.conf
exit $status
