"""ungcuu: hardening and recovery automation for a website host."""

__version__ = "0.1.0"
