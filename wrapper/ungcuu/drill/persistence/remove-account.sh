# The person of the drill removes the account that eradicate locked.
ip -4 -o addr | grep -q ' 198\.51\.100\.' || exit 1
userdel --force @account@
