"""One command from plan to outcome: verbs, flow, the runner, locks, resume."""
