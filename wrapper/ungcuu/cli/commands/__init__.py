"""One file a verb; each exports ``VERB`` (see :mod:`ungcuu.run.verb`)."""
