"""`python -m daemon`, and the command `cohortd`."""

from __future__ import annotations

from daemon.cli import main

if __name__ == "__main__":
    main()
