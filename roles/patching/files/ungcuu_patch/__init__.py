"""Plans and carries out package upgrades of a host for ungcuu; the standard library alone."""
