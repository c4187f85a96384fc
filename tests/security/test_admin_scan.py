"""Every path of a running daemon's admin port, by every verb: nothing changes, nothing is told."""

from __future__ import annotations

import errno
import re
import socket
from typing import TYPE_CHECKING, Any

from tests.support.configs import IMPORT_KEY, PARTNER_KEY
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

MEMBER = "canary-member-4711"
KNOWN = ("/", "/metrics", "/livez", "/healthz", "/readyz", "/status")
# What other programs serve, and how a path gets past a careless router.
UNKNOWN = (
    "/nothing",
    "/config",
    "/env",
    "/secrets",
    "/debug/pprof/",
    "/-/reload",
    "/-/quit",
    "/quitquitquit",
    "/shutdown",
    "/reassert",
    "/log-level",
    "/status/",
    "/metrics/../status/x",
    "//metrics",
    "/..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/proc/self/environ",
    "/.env",
    "/static/../../partner.key",
    "*",
    "169.254.169.254:80",
)
READING = ("GET", "HEAD")
OTHERS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW")
GARBAGE = (
    b"get /status HTTP/1.1\r\nHost: x\r\n\r\n",  # A verb of its own: they are told by case.
    b"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\xff\xfe /status HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /status\r\n\r\n",
    b"GET  HTTP/1.1\r\n\r\n",
    b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /sta\r\ntus HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    b"GET / HTTP/1.1\r\nHost: x\r\nHeader\x00: y\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Y: z\r\n" * 20_000 + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,  # A TLS handshake.
    b"\x00" * 1_000,
    b"\r\n" * 50,
)
# What makes some servers take one verb for another, or a stranger for a friend.
DISGUISES = (
    "X-HTTP-Method-Override: DELETE\r\nX-Method-Override: PUT\r\nX-Forwarded-For: 127.0.0.1\r\n"
    "X-Original-URL: /shutdown\r\nAuthorization: Bearer x\r\nCookie: admin=1\r\n"
)
_HUNG_UP = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)
_STATE = {
    *("version", "workspace", "config_hash", "group_id", "started_at", "live", "ready", "waits"),
    *(
        "membership",
        "draining",
        "pending",
        "pending_weight",
        "pending_limit",
        "in_flight",
        "slots",
        "counters",
    ),
}
BODY = '{"log": {"level": "debug"}, "cohort_id": "vip", "op": "remove"}'


def _exchange(port: int, request: bytes) -> bytes:
    """Return all that is answered until the server hangs up, or has nothing more to say."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                answer += part
        except OSError as error:  # It need not hear garbage out.
            if error.errno not in _HUNG_UP:
                raise
    return answer


def _ask(port: int, verb: str, path: str) -> tuple[int, bytes]:
    request = (
        f"{verb} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{DISGUISES}"
        f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
    )
    answer = _exchange(port, request.encode())
    return _status(answer), answer


def _status(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return int(match[1]) if match else 0


def _state(daemon: DaemonProcess) -> dict[str, Any]:
    """Return of `/status` what only work, or somebody's order, changes."""
    status = daemon.status()
    kept: dict[str, Any] = {name: status[name] for name in _STATE}
    for row in status["partitions"]:
        kept[f"partition {row['partition']}"] = [row["state"], row["position"], row["committed"]]
    return kept


def test_no_verb_at_any_path_changes_anything_or_tells_a_secret(stage: Stage) -> None:
    daemon = stage.start()
    stage.produce(add("vip", MEMBER))
    stage.wait_members(vip={MEMBER})
    daemon.wait_for_partition("it is committed", lambda row: row["committed"] == 1)
    daemon.wait_until_ready()
    before, sent_before = _state(daemon), stage.applied()
    lines_before = len(daemon.log_lines())
    answered: dict[tuple[str, str], int] = {}
    told: list[bytes] = []

    for path in (*KNOWN, *UNKNOWN):
        for verb in (*READING, *OTHERS):
            answered[verb, path], answer = _ask(daemon.port, verb, path)
            told.append(answer)
    garbage = [_exchange(daemon.port, request) for request in GARBAGE]

    for (verb, path), status in answered.items():
        if path in KNOWN:
            assert status == (200 if verb in READING else 405), (verb, path)
        else:
            assert 400 <= status < 500, (verb, path)
    assert len(answered) == 11 * 26
    assert {_status(answer) for answer in garbage} <= {0, 400, 404, 405}
    for answer in (*told, *garbage):
        for secret in (PARTNER_KEY, IMPORT_KEY, MEMBER, str(stage.partner_key), "root:"):
            assert secret.encode() not in answer
        assert BODY.encode() not in answer  # TRACE says back what it was told.
    assert _state(daemon) == before
    assert (stage.applied(), stage.committed_offset()) == (sent_before, 1)
    assert len(daemon.log_lines()) == lines_before  # Nobody fills the log from there either.
    stage.produce(add("vip", "u2"))
    stage.wait_members(vip={MEMBER, "u2"})
    assert daemon.terminate() == 0
