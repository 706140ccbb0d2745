"""Detect: baseline and scan, and the rules by which what differs is judged."""
