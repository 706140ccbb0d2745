"""Find the facts of a website on its host: what serves it, which application it is, what it needs to be kept."""
