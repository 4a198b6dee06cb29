"""`python -m labbook` is the console command."""

from labbook.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
