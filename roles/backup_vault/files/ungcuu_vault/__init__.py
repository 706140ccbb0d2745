"""The backup vault: takes restore points from website hosts, and gives them back.

1. The vault connects to the host, never the other way round; nothing listens here while no backup runs.
2. A host's restic reaches an append-only server that serves a clone of that host's repository alone, with a password
   of one run. What it wrote joins the trusted set once the vault has checked it, or is set aside (`join`).
3. The ledger of restore points is kept here from what was checked: a point that no run of ungcuu asked for is never
   offered. A point is read through a view of exactly its own files (`trusted`).
4. What talks with a host (ssh, the server, restic) runs as an account without rights; passwords are root's.
5. Removing old points is decided here only, and refused when what is there looks tampered with.
"""
