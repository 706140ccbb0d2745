"""Programs that run on a managed host: standard library only, read from standard input, never written to its disk."""
