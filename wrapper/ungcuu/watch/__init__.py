"""The watch: who is notified of what, what is still open, and rounds that look without being asked."""
