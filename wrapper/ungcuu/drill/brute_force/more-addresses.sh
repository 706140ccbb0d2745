# The intruder of the drill takes further addresses, all of the lab's own network.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
device=$(ip -4 -o addr | awk '/ 198\.51\.100\./ { print $2; exit }')
for one in @second@ @third@ @fourth@ @fifth@; do
    ip addr replace "$one/28" dev "$device"
done
