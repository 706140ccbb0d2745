"""Recover: quarantine, re-assessment, restore points."""
