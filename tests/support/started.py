"""What is started on entering and stopped on leaving, also where its start fails half way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Started(ABC):
    """A server or several, as a context."""

    @abstractmethod
    def start(self) -> None:
        """Start it, and return once it serves."""

    @abstractmethod
    def stop(self) -> None:
        """End whatever of it runs."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
