"""A client is told its user and password when they have changed, and only then."""

from __future__ import annotations

from typing import Any, cast

from daemon.kafka.login import PASSWORD, USER, Login


class FakeClient:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def set_sasl_credentials(self, user: str, password: str) -> None:
        self.told.append((user, password))


def test_a_change_is_told_once() -> None:
    now = {USER: "reader", PASSWORD: "first"}
    login, client = Login(lambda: now), FakeClient()
    login.follow(cast("Any", client))
    assert not client.told

    now = {USER: "reader", PASSWORD: "second"}
    login.follow(cast("Any", client))
    login.follow(cast("Any", client))

    assert client.told == [("reader", "second")]
    assert login.properties() == now


def test_a_client_without_a_login_is_told_nothing() -> None:
    client = FakeClient()

    Login().follow(cast("Any", client))

    assert not client.told
    assert Login().properties() == {}
