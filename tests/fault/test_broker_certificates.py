"""Row 39: a broker whose certificate can't be verified is told, and never spoken to."""

from __future__ import annotations

import shutil
import socket
import threading
from typing import TYPE_CHECKING, Self

import pytest

from tests.support.certificates import Authority
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.certificates import Certificate
    from tests.support.stage import Stage

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates")

TLS_HANDSHAKE = 0x16  # How every TLS connection begins; no request of Kafka does.


class Door:
    """Listens like a broker with TLS: shows its certificate, and says nothing after that."""

    def __init__(self, shown: Certificate) -> None:
        self.first_bytes: set[int] = set()
        self.handshakes = 0
        self.read = b""
        self._context = shown.server()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5.0)
                self._meet(connection)

    def _meet(self, connection: socket.socket) -> None:
        try:
            self.first_bytes.update(connection.recv(1, socket.MSG_PEEK))
            with self._context.wrap_socket(connection, server_side=True) as secure:
                # In TLS 1.3 the client's refusal comes after our handshake: reading shows it.
                self.read += secure.recv(4)
                self.handshakes += 1
        except OSError:  # Whoever refuses hangs up.
            return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def shown_at(folder: Path, case: str) -> tuple[Certificate, Path]:
    """Return what the broker shows, and what the daemon trusts."""
    ours = Authority(folder, "ours")
    if case == "unknown authority":
        return Authority(folder, "theirs").issue("localhost"), ours.file
    if case == "expired":
        return ours.issue("localhost", days=-1), ours.file
    return ours.issue("other.example" if case == "wrong host" else "localhost"), ours.file


def tls_to(door: Door, trusted: Path) -> dict[str, object]:
    return {
        "kafka.bootstrap_servers": f"localhost:{door.port}",
        "kafka.properties.security:protocol": "SSL",
        "kafka.properties.ssl:ca:location": str(trusted),
        "kafka.properties.broker:address:family": "v4",
    }


@pytest.mark.parametrize("case", ["expired", "wrong host", "unknown authority"])
def test_a_broker_with_a_certificate_that_is_not_good_is_refused_and_told(
    stage: Stage, tmp_path: Path, case: str
) -> None:
    shown, trusted = shown_at(tmp_path, case)
    with Door(shown) as door:
        daemon = stage.start(tls_to(door, trusted))

        line = daemon.wait_for_line("kafka_error", code="_SSL")
        waiting = daemon.wait_for_reason("kafka")
        wait_until("it tries again", lambda: len(daemon.log_lines("kafka_error")) > 1)

        # The client tells the three apart to nobody, so the remedy names all of them.
        assert "certificate verify failed" in line["detail"]
        assert all(part in line["remedy"] for part in ("ssl.ca.location", "host", "dates"))
        assert waiting["ready"] is False
        assert waiting["live"] is True
        assert daemon.terminate() == 0
        assert len(daemon.log_lines("kafka_error")) <= 12  # Folded.
    assert door.first_bytes == {TLS_HANDSHAKE}  # Never without TLS instead.
    assert (door.handshakes, door.read) == (0, b"")


def test_a_broker_with_a_good_certificate_is_spoken_to(stage: Stage, tmp_path: Path) -> None:
    shown, trusted = shown_at(tmp_path, "good")
    with Door(shown) as door:
        daemon = stage.start(tls_to(door, trusted))

        wait_until("it is asked something", lambda: daemon.port and door.handshakes)

        assert daemon.terminate() == 0
    assert door.first_bytes == {TLS_HANDSHAKE}
    assert len(door.read) >= 4
