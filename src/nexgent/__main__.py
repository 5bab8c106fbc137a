"""`python -m nexgent` is the command `nexgent`."""

from nexgent.cli.main import main

if __name__ == "__main__":
    main()
