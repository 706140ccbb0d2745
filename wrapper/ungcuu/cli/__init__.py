"""The command line: what can be typed, what is shown, one file a verb below ``commands``."""
