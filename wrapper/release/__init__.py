"""Makes what is released of a clean tree: Debian package, offline bundle, bill of materials, licences, checksums."""
