"""One file a verb; each exports ``VERB`` (see :mod:`ungcuu.verb`)."""
