"""The case: signed journal, state, evidence, indicators, integrity, export."""
