"""Schema registries: Apicurio's, as a process of its own, and a small one that can misbehave."""

from __future__ import annotations

import json
import os
import ssl
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.support.java import JVM_OPTIONS, jars
from tests.support.processes import Child, free_port, wait_until


class Apicurio:
    """A real registry; `url` is its Confluent API. Every start is empty."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._folder = folder
        self._home = jars("registry.pom.xml")
        self._child: Child | None = None
        self.url = f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        home = os.environ.get("JAVA_HOME")
        [jar] = self._home.glob("*-runner.jar")
        environ = {"QUARKUS_HTTP_HOST": "127.0.0.1", "QUARKUS_HTTP_PORT": str(self._port)}
        self._child = Child(
            [f"{home}/bin/java" if home else "java", *JVM_OPTIONS, "-jar", str(jar)],
            self._folder / "registry.log",
            env=environ,
            cwd=self._home,
        )
        try:
            wait_until("the registry answers", self._answers, 120.0)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@dataclass
class SmallRegistry:
    """Answers Confluent's questions from what it is given, well or badly; see `serving`."""

    schemas: dict[int, dict[str, Any]] = field(default_factory=dict)
    versions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    status: int = 200  # Of every answer, where it is another one.
    body: bytes | None = None  # In the place of every answer.
    authorization: str | None = None  # What it asks for.
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def add(self, schema_id: int, schema: object, **more: object) -> None:
        self.schemas[schema_id] = {"schema": json.dumps(schema), **more}

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        self.asked.append(path)
        self.headers.append(headers)
        if self.authorization is not None and headers.get("Authorization") != self.authorization:
            return 401, b'{"error_code":401}'
        if self.status != 200 or self.body is not None:
            return self.status, self.body or b"{}"
        parts = path.strip("/").split("/")
        found: Any = None
        if parts == ["schemas", "types"]:
            found = ["AVRO", "JSON"]
        elif parts[:2] == ["schemas", "ids"]:
            found = self.schemas.get(int(parts[2]))
        elif parts[0] == "subjects":
            found = self.versions.get((parts[1], parts[3]))
        if found is None:
            return 404, b'{"error_code":40403,"message":"Schema not found"}'
        return 200, json.dumps(found).encode()


class Serving:
    """Serves a small registry on a port of its own, by TLS where a context is given."""

    def __init__(self, registry: SmallRegistry, tls: ssl.SSLContext | None = None) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = registry.answer(self.path, dict(self.headers.items()))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.port = int(self._server.server_address[1])
        registry.url = f"{'https' if tls else 'http'}://localhost:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
