# Starts what the contractor installed: the drill's own unit.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
systemctl daemon-reload
systemctl enable --now --quiet library-sync.path
