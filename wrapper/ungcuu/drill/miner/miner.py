#!/usr/bin/python3
"""UNGCUU-DRILL-MARKER: inert. It mines nothing: it waits for a quarter of an hour, and ends."""

import time

end = time.monotonic() + 900
while time.monotonic() < end:
    sum(range(1000))
    time.sleep(0.5)
