"""A way into the daemon whose first attempt at Braze ends in a bug, with secrets in its hands."""

from __future__ import annotations

from typing import Any

from daemon.braze.client import BrazeClient
from daemon.cli import main


async def _fail(self: BrazeClient, *changes: Any, **_more: Any) -> None:  # noqa: ANN401
    keys = self._credentials().secrets()
    raise RuntimeError(f"a bug that says {keys}; of {len(changes)} changes it says only how many")


BrazeClient.send_update = _fail  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    main()
