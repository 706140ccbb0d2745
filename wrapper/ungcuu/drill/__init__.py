"""Scenarios that drills play, each a folder of data, and what the intruder runs in them."""
