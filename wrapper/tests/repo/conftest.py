"""Lets the tests of the tree's shape use the tools that write its derived files."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
