"""The report of a case: pure, from journal to document.

1. It shows only what the journal proves, what the evidence says and what the vault last reported, each named as such;
   what is missing is named as missing.
2. Every value goes through ``screen.clean`` and HTML escaping on its way out, whoever wrote it.
3. The document is one file: no script, no remote address, and a policy inside it that forbids both.
"""
