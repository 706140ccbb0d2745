"""Contain: the containment card, the cut, its proofs, whether a host is isolated, blocked networks."""
