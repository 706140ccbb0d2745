"""Filters for every role; each has its documentation beside it."""
