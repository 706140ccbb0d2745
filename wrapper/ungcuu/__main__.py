"""``python -m ungcuu``."""

from ungcuu.cli import main

if __name__ == "__main__":
    main()
