"""Judge the bytes of website files: rules, structure of PHP code, and a trained model. Nothing is ever run."""
