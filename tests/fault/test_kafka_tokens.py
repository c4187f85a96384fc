"""Row 40: the provider of OAUTHBEARER tokens is away, and comes back."""

from __future__ import annotations

import http.server
import json
import threading
import time
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Self

import pytest

from tests.support.processes import wait_until

if TYPE_CHECKING:
    from tests.support.stage import Stage

GRACE_S = 10.0  # As the stage has it.


def token() -> str:
    """Return a token nobody signed: only its dates are looked at by the client."""
    now_s = int(time.time())
    parts = {"alg": "none"}, {"sub": "cohortd", "iat": now_s, "exp": now_s + 3600}
    return ".".join(
        [*(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""]
    )


class Provider:
    """Answers who asks for a token with 503 while it is ill, and not at all while it hangs."""

    def __init__(self, mood: str) -> None:
        self.mood = mood
        self.asked = 0
        self.given = 0
        self._over = threading.Event()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                provider.answer(self)

            def log_message(self, *_: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.asked += 1
        if self.mood == "hangs":
            self._over.wait()
            return
        body = json.dumps({"access_token": token(), "expires_in": 3600}).encode()
        well = self.mood == "well"
        request.send_response(200 if well else 503)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        self.given += well

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def login_at(stage: Stage, provider: Provider) -> dict[str, object]:
    secret = stage.folder / "oauth.secret"
    secret.write_text("canary-oauth-secret")
    return {
        "kafka.properties.security:protocol": "SASL_PLAINTEXT",
        "kafka.properties.sasl:mechanism": "OAUTHBEARER",
        "kafka.properties.sasl:oauthbearer:method": "oidc",
        "kafka.properties.sasl:oauthbearer:client:id": "cohortd",
        "kafka.properties.sasl:oauthbearer:client:secret": {"file": str(secret)},
        "kafka.properties.sasl:oauthbearer:token:endpoint:url": provider.url,
    }


@pytest.mark.parametrize("mood", ["ill", "hangs"])
def test_while_nobody_gives_a_token_it_lives_and_stops_in_time(stage: Stage, mood: str) -> None:
    with Provider(mood) as provider:
        daemon = stage.start(login_at(stage, provider))
        wait_until("a token is asked for", lambda: provider.asked)

        first = float(daemon.status()["uptime_s"])
        status = daemon.wait_for("time passes", lambda status: status["uptime_s"] > first + 5.0)
        begun_s = time.monotonic()

        assert status["live"] is True
        assert status["ready"] is False
        assert daemon.get("/livez")[0] == 200  # The loop makes its turns meanwhile.
        assert daemon.terminate() == 0
        assert time.monotonic() - begun_s < GRACE_S


def test_once_the_provider_is_back_a_token_is_fetched_without_a_restart(stage: Stage) -> None:
    with Provider("ill") as provider:
        daemon = stage.start(login_at(stage, provider))
        wait_until("a token is asked for", lambda: provider.asked)

        provider.mood = "well"

        wait_until("it has a token", lambda: provider.given, 60.0)
        # The broker here knows no such login, so what it says shows that the token was used.
        daemon.wait_for_line("kafka_error", 60.0)
        assert daemon.returncode is None
        assert daemon.terminate() == 0
