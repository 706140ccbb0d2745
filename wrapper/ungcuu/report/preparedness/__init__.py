"""Preparedness: what proves each row of the plan, how old that is, what is due, and the page for those who lead.

1. A proof is a record: a run in a signed journal, a restore point as the vault last reported it, a record of the
   register. Each is shown with its place. Nothing else counts, and a run that failed or whose end is unknown does not.
2. What could not be read is named, and what depends on it is UNKNOWN, never "not done" or "done".
3. A proof that is dated in the future is UNKNOWN: the controller's clock was set back, or the record is wrong.
"""
