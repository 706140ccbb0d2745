"""Builds the documentation as a site; no part of what is installed."""
