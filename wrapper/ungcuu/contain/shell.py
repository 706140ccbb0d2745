"""What the fast cut runs on the host beside its own lines: shell functions of the role's isolation.sh, word for word.

A copy, since a cut must not wait for one more file, and a test holds it to the role's. It names no data.
"""

FUNCTIONS = r"""
# Names the devices but loopback for nft, those of hardware first. $left says what is not closed: name (one that nft
# can't take), many (over 250), none; later kernel (it or nft takes no hooks; Linux 5.16, nft 1.0.1 do), rules (old).
find_devices() {
    devices="" rest="" count=0 left=""
    for at in /sys/class/net/*; do
        name=${at##*/}
        [ -e "$at/ifindex" ] && read -r type <"$at/type" && [ "$type" != 772 ] || continue
        case $name in *[!A-Za-z0-9._-]*) left=name && continue ;; esac
        read -r index <"$at/ifindex" && read -r link <"$at/iflink"
        if [ -e "$at/device" ] || [ "$index" != "$link" ]; then
            devices="$devices \"$name\","
        else
            rest="$rest \"$name\","
        fi
    done
    for name in $rest; do devices="$devices $name"; done
    set -- $devices
    [ $# -gt 250 ] && left=many
    devices=""
    for name in "$@"; do count=$((count + 1)) && [ $count -le 250 ] && devices="$devices $name"; done
    [ -n "$devices" ] || left=none
    [ -n "$devices" ]
}
# Writes $1 with the devices in the place of the marks. (nft 1.0.6 breaks off at a variable that holds one device.)
name_devices() {
    text=$1
    while :; do
        case $text in *@DEVICES@*) ;; *) break ;; esac
        printf '%s%s' "${text%%@DEVICES@*}" "$devices"
        text=${text#*@DEVICES@}
    done
    printf '%s' "$text"
}
# Loads $rules after the line $1, with the device hooks where the host can: else without, and $left says why.
load_rules() {
    hooks=no
    for try in 1 2; do
        case $rules in *"# devices"*) ;; *) left=rules && break ;; esac
        find_devices || break
        printf '%s\n%s\n' "$1" "$(name_devices "$rules")" | nft -f - 2>/dev/null && hooks=yes && return
        left=kernel
    done
    printf '%s\n%s\n' "$1" "${rules%%# devices*}" | nft -f -
}
# The guard of an isolation that is in force, in another mode, puts its own rules back: it is handed these, and they are
# loaded again. In the background, since what an intruder made of the file may hang.
hand_over() {
    for at in /etc/ungcuu /run/ungcuu; do
        [ -s "$at/isolation.nft" ] && printf '%s\n' "$rules" >"$at/isolation.nft" && load_rules ""
    done >/dev/null 2>&1 &
}
# Neighbours whose addresses an intruder on the segment could take over: those of the networks $2, and the routers. $3
# holds ADDRESS=MAC that a person wrote down. The address $4, where the responder comes from, is used as it is now.
pin() {
    {
        for net in $2 $(routers); do ip neigh show to "$net"; done
        for known in $3; do
            [ "${known%%=*}" = "$4" ] && continue
            route=$(ip route get "${known%%=*}") && route=${route#* dev }
            case $route in *" via "*) ;; *) echo "${known%%=*} dev ${route%% *} lladdr ${known#*=} KNOWN" ;; esac
        done
    } 2>/dev/null | while read -r address _ device kind mac state; do
        case $device in *[!A-Za-z0-9._-]*) continue ;; esac
        case "$kind $state" in *PERMANENT*) ;; lladdr*) echo "$address $mac $device" ;; esac
    done >"$1/isolation-neighbours.new"
    set_neighbours replace "nud permanent" "$1/isolation-neighbours.new"
    cat "$1/isolation-neighbours.new" >>"$1/isolation-neighbours" && rm "$1/isolation-neighbours.new"
}
routers() {
    { ip -4 route show; ip -6 route show; } | while read -r line; do
        case $line in *" via "*) line=${line#* via } && line=${line#inet6 } && echo "${line%% *}" ;; esac
    done
}
set_neighbours() {
    while read -r address mac device; do
        echo "neigh $1 $address lladdr $mac dev $device $2"
    done <"$3" | ip -force -batch - >/dev/null 2>&1
}
"""
