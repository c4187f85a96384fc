from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config.document import Document
from daemon.config.endpoint import parse_url
from daemon.config.keys import paths_of
from daemon.config.settings import Settings, effective, load
from daemon.errors import SettingsError
from tests.support.configs import smallest

CANARY = "canary-5e5c"
_PATHS = sorted(set(paths_of(Settings)))
_RUN = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["5s", "never", "^a", "https://x", "US-01", "earliest", "$ENV", CANARY])
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def try_to_load(path: Path, environ: dict[str, str]) -> None:
    """Nothing but SettingsError is raised, each problem is a line, and what loads is usable."""
    try:
        loaded = load([path], environ)
    except SettingsError as error:
        lines = [str(problem) for problem in error.problems]
    else:
        lines = ["good"]
        assert loaded.config_hash
        assert loaded.fingerprint
        assert CANARY not in str(effective(loaded)["braze"])
    assert lines
    assert all(len(line.splitlines()) == 1 and line.isprintable() for line in lines)


@_RUN
@given(content=st.binary(max_size=200))
def test_random_bytes_are_settings_or_a_settings_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)

    try_to_load(path, {})


@_RUN
@given(content=st.text(alphabet="{}[]:,&*!|>'\"%@`?-# \n\tab01.~<=\\x0u", max_size=80))
def test_random_yaml_is_settings_or_a_settings_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(content)

    try_to_load(path, {})


@_RUN
@given(changes=st.lists(st.tuples(st.sampled_from(_PATHS), st.integers(0, 6), _values), max_size=4))
def test_a_good_file_with_garbage_in_it_is_settings_or_a_settings_error(
    tmp_path: Path, changes: list[tuple[tuple[str, ...], int, object]]
) -> None:
    document = smallest(tmp_path)
    for steps, depth, value in changes:
        _put(document, steps[: max(1, len(steps) - depth)], value)
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=False))

    try_to_load(path, {})


@_RUN
@given(
    environ=st.dictionaries(
        st.sampled_from(["__".join(path).upper() for path in _PATHS])
        | st.text(alphabet="ABEKRZ_019", max_size=24),
        st.text(st.characters(exclude_characters="\0"), max_size=20)
        | st.sampled_from(["5s", "1", ""]),
        max_size=4,
    )
)
def test_a_good_file_with_a_random_environment_is_settings_or_a_settings_error(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(smallest(tmp_path)))

    try_to_load(path, {f"COHORTD_{name}": value for name, value in environ.items()})


@_RUN
@given(
    place=st.sampled_from(
        ["braze.partner_api_key", "braze.partner_api_keyy", "braze.data_import_key", "kafka.sasl"]
    ),
    shape=st.sampled_from([str, lambda s: [s], lambda s: {"file": s}, lambda s: f"{s}\n{s}"]),
)
def test_a_secret_in_the_wrong_place_or_shape_is_never_shown(
    tmp_path: Path, place: str, shape: Callable[[str], object]
) -> None:
    document = smallest(tmp_path)
    _put(document, tuple(place.split(".")), shape(CANARY))
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(document))

    with pytest.raises(SettingsError) as caught:
        load([path], {})

    assert CANARY not in str(caught.value)


@_RUN
@given(text=st.text(max_size=60) | st.from_regex(r"https?://[\w.:\[\]@/-]{0,30}", fullmatch=True))
def test_an_address_is_refused_or_stays_what_it_is(text: str) -> None:
    with contextlib.suppress(ValueError):
        url = str(parse_url(text))

        assert str(parse_url(url)) == url
        assert "@" not in url


def _put(document: Document, steps: tuple[str, ...], value: object) -> None:
    node: object = document
    for step in steps[:-1]:
        if isinstance(node, dict):
            node = node.setdefault(step, {})
        elif isinstance(node, list) and node:
            node = node[0]
    if isinstance(node, dict):
        node[steps[-1]] = value
