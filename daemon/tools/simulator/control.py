"""The simulator's own interface under `/_sim`: look inside, tamper, and let things go wrong.

Answers at once, whatever faults are in force, and is no part of what Braze offers. It must not
know of sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeGuard
from urllib.parse import parse_qsl, unquote

import orjson

from daemon.core.model import Member
from daemon.errors import SettingsError
from daemon.tools.simulator.answer import JSON, Answer, say
from daemon.tools.simulator.braze import Parts
from daemon.tools.simulator.cohorts import Cohort
from daemon.tools.simulator.history import AppliedRequest
from daemon.tools.simulator.member_lists import KINDS, read_members, write_members
from daemon.tools.simulator.stats import SeenRequest

PREFIX = "/_sim/"
PAGE = 1000  # Requests of one answer; its `next` says where to go on.

Handler: TypeAlias = Callable[[bytes], Answer]


class Control:
    """The endpoints under `/_sim`, on the parts that the endpoints of Braze are made of."""

    def __init__(self, parts: Parts, clock: Callable[[], float]) -> None:
        self._parts = parts
        self._clock = clock
        self._fixed: dict[tuple[str, str], Handler] = {
            ("GET", "ready"): lambda _: _json({"ready": True}),
            ("GET", "stats"): lambda _: _json(self._stats()),
            ("GET", "faults"): lambda _: self._faults(),
            ("POST", "faults"): self._set_faults,
            ("DELETE", "faults"): lambda _: self._clear_faults(),
            ("GET", "keys"): lambda _: _json(self._parts.keys.as_json()),
            ("POST", "keys"): self._set_keys,
            ("POST", "quota"): self._set_quota,
        }

    def handle(self, method: str, target: str, body: bytes) -> Answer:
        """Return the answer to a request whose target begins with `PREFIX`."""
        path, _, query = target.removeprefix(PREFIX).partition("?")
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed(body)
        asked = dict(parse_qsl(query))
        match method, path.split("/"):
            case "GET", ["cohorts"]:
                return self._cohorts(members=asked.get("members") != "false")
            case "GET", ["cohorts", cohort]:
                return self._cohort(unquote(cohort))
            case "PUT" | "DELETE", ["cohorts", cohort, "members"]:
                return self._tamper(unquote(cohort), body, add=method == "PUT")
            case "GET", ["history" | "requests" as log]:
                return self._log(log, asked.get("since", "0"))
        return say(404, f"there is no {method} {PREFIX}{path}; see docs/simulator.md")

    def _cohorts(self, *, members: bool) -> Answer:
        cohorts = self._parts.workspace.cohorts
        shown = {name: _show(cohorts[name], members=members) for name in sorted(cohorts)}
        return _json({"cohorts": shown})

    def _cohort(self, cohort: str) -> Answer:
        found = self._parts.workspace.cohorts.get(cohort)
        return say(404, "cohort does not exist") if found is None else _json(_show(found))

    def _tamper(self, cohort: str, body: bytes, *, add: bool) -> Answer:
        workspace = self._parts.workspace
        if not workspace.has(cohort):
            return say(404, "cohort does not exist")
        members: list[Member] | None
        if not body and not add:
            members = list(workspace.members(cohort))
        else:
            members = read_members(_fields(body))
        if members is None:
            return say(400, f"name members as Braze does, in one or more of {', '.join(KINDS)}")
        changed = workspace.tamper(
            cohort, add=members if add else (), remove=() if add else members
        )
        return _json({"changed": changed, "count": len(workspace.cohorts[cohort].members)})

    def _log(self, log: str, since: str) -> Answer:
        if not since.isdecimal():
            return say(400, "since must be a whole number")
        return self._history(int(since)) if log == "history" else self._requests(int(since))

    def _history(self, since: int) -> Answer:
        history = self._parts.workspace.history
        found = history.since(since, PAGE)
        return _json(
            {
                "requests": [_show_applied(each) for each in found],
                "next": found[-1].number + 1 if found else since,
                "dropped": history.dropped,
            }
        )

    def _requests(self, since: int) -> Answer:
        found = self._parts.stats.seen(since, PAGE)
        following = found[-1].arrival + 1 if found else since
        return _json({"requests": [_show_seen(each) for each in found], "next": following})

    def _stats(self) -> dict[str, object]:
        quota, now_s = self._parts.quota, self._clock()
        return {
            **self._parts.stats.as_json(),
            "applied": self._parts.workspace.history.next_number,
            "quota": {"limit": quota.limit, "remaining": quota.remaining(now_s)},
            "faults": self._parts.faults.as_json(),
        }

    def _faults(self) -> Answer:
        return _json({"faults": self._parts.faults.as_json()})

    def _set_faults(self, body: bytes) -> Answer:
        specs = _strings(_fields(body).get("faults"))
        if specs is None:
            return say(400, 'send {"faults": ["status=503,rate=0.1", …]}')
        try:
            self._parts.faults.replace(specs)
        except SettingsError as error:
            return say(400, str(error))
        return self._faults()

    def _clear_faults(self) -> Answer:
        self._parts.faults.replace(())
        return self._faults()

    def _set_keys(self, body: bytes) -> Answer:
        fields = _fields(body)
        partner_keys, secrets = fields.get("partner_api_keys"), fields.get("client_secrets")
        enabled = fields.get("partner_enabled")
        read_keys, read_secrets = _strings(partner_keys), _strings(secrets)
        if (
            not fields
            or fields.keys() - {"partner_api_keys", "client_secrets", "partner_enabled"}
            or (partner_keys is not None and read_keys is None)
            or (secrets is not None and read_secrets is None)
            or not isinstance(enabled, bool | None)
        ):
            return say(
                400,
                "send one or more of partner_api_keys (array of strings), client_secrets"
                " (array of strings), partner_enabled (true or false)",
            )
        self._parts.keys.replace(
            partner_api_keys=read_keys, client_secrets=read_secrets, partner_enabled=enabled
        )
        return _json(self._parts.keys.as_json())

    def _set_quota(self, body: bytes) -> Answer:
        fields = _fields(body)
        limit, remaining = fields.get("limit"), fields.get("remaining")
        if not fields or not (_is_count(limit) and _is_count(remaining)):
            return say(400, "send limit, remaining or both, whole numbers")
        now_s = self._clock()
        self._parts.quota.set(now_s, limit=limit, remaining=remaining)
        left = self._parts.quota.remaining(now_s)
        return _json({"limit": self._parts.quota.limit, "remaining": left})


def _json(shown: object) -> Answer:
    return Answer(200, orjson.dumps(shown), JSON)


def _fields(body: bytes) -> dict[str, object]:
    """Return the JSON object in a body; an empty one where there is none."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _strings(value: object) -> list[str] | None:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return None
    return value


def _is_count(value: object) -> TypeGuard[int | None]:
    return value is None or (isinstance(value, int) and value >= 0 and value is not True)


def _show(cohort: Cohort, *, members: bool = True) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": cohort.id,
        "name": cohort.name,
        "created_at": cohort.created_at,
        "renames": cohort.renames,
        "count": len(cohort.members),
    }
    if members:
        lists = write_members(cohort.members)
        shown["counts"] = {kind: len(ids) for kind, ids in lists.items()}
        shown["members"] = lists
    return shown


def _show_applied(request: AppliedRequest) -> dict[str, object]:
    shown: dict[str, object] = {
        "number": request.number,
        "arrival": request.arrival,
        "caller": request.caller,
        "arrived_at_s": request.arrived_at_s,
        "applied_at_s": request.applied_at_s,
        "endpoint": request.endpoint,
        "cohort": request.cohort,
    }
    if request.name is not None:
        return {**shown, "name": request.name}
    return {
        **shown,
        "adds": write_members(request.adds),
        "removes": write_members(request.removes),
    }


def _show_seen(request: SeenRequest) -> dict[str, object]:
    return {
        "arrival": request.arrival,
        "caller": request.caller,
        "arrived_at_s": request.arrived_at_s,
        "endpoint": request.endpoint,
        "cohort": request.cohort,
        "ids": request.ids,
        "outcome": request.outcome,
    }
