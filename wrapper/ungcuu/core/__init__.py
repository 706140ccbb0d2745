"""What everything stands on: errors, settings, languages, files written whole, text made safe for a terminal."""
