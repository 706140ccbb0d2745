"""What a restore point needs done on the website host itself: save, stage, check, swap, put back.

1. It runs as root for the length of one request and leaves nothing running.
2. No secret rests here: the repository's address and password arrive on standard input and go to restic by pipe.
3. Nothing live is touched before `swap`; `swap` is two renames a part and keeps what was live.
4. What a backup holds was written by a host that may have been hostile: no name, link, owner or SQL in it is trusted.
"""
