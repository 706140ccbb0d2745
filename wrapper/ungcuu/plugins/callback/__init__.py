"""Callback plugins: what is noted of a play while it runs."""
