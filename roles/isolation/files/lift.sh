# Takes the containment table away, if there is one, and brings back the host's own firewall where it is enabled.
set -e
nft list table inet ungcuu_isolation >/dev/null 2>&1 || { echo same; exit 0; }
nft delete table inet ungcuu_isolation
echo lifted
