"""Streamed acquisition of evidence from a host that nobody trusts any more.

What holds for every collection:

1. Nothing is written to the host's disks: the collector works in a private mount namespace in which every local file
   system is read-only and keeps its access times. Where the kernel refuses that, it goes on, and the record says so.
2. Items are taken in order of volatility (RFC 3227, section 2.1), each on its own: one that fails, hangs or never ends
   costs its own limit and nothing else.
3. Bytes go through a hash into a file that is named by it. No name, path or archive member that the host chose is used
   on the controller; archives are never opened.
4. Every item leaves a record: SUCCESS, EMPTY, MISSING, FAILURE or CUT_OFF, with the reason. What was cut off is kept.
5. Memory is flat: no item is held, whatever its size.
6. A collection that stopped goes on where it was: what the folder's manifest holds as SUCCESS isn't taken twice.
"""

from ungcuu.case.evidence.acquire import Collection, Request, collect
from ungcuu.case.evidence.profile import ProfileError, Spec, load_profile
from ungcuu.case.evidence.store import Item, Outcome, Store

__all__ = ["Collection", "Item", "Outcome", "ProfileError", "Request", "Spec", "Store", "collect", "load_profile"]
