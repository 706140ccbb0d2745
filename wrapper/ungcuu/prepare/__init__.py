"""Prepare: controls, audit, the roles' own tests, what a patch will do."""
