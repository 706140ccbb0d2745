"""Sent to a host to read how its websites are set up. The standard library alone; nothing is changed."""
