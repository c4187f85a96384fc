"""Kubernetes' API server on etcd, without nodes: it admits and keeps, and no pod ever runs.

Debian's `etcd-server` has etcd; `make k8s` builds the API server. Who asks is told as they are told
by any cluster: the answer of helm or kubectl, and on stderr what the server warns of.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tests.support.certificates import openssl
from tests.support.processes import Child, free_port, wait_until
from tests.support.tools import TOOLS

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = ("etcd", "kube-apiserver", "kubectl", "helm")
_PATH = f"{TOOLS / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
_START_S = 120.0  # Three seconds on a machine with nothing else to do.
_USER = "admin"


def missing() -> list[str]:
    """Return which programs are not there."""
    return [name for name in NEEDED if shutil.which(name, path=_PATH) is None]


@dataclass(frozen=True, slots=True)
class Done:
    """What a program answered, and what it or the server complained of."""

    code: int
    out: str
    complaints: str


class ApiServer:
    """Runs while it is entered; ends both processes, and forgets everything, when it is left."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._environ = {
            # A person's own cluster is never asked, nor told anything.
            **{name: value for name, value in os.environ.items() if not _is_about_clusters(name)},
            "PATH": _PATH,
            "KUBECONFIG": str(folder / "kubeconfig"),
            "KUBECACHEDIR": str(folder / "kube-cache"),
            **{f"HELM_{each}_HOME": str(folder / "helm") for each in ("CACHE", "CONFIG", "DATA")},
        }
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as running:
            url = f"http://127.0.0.1:{free_port()}"
            etcd = self._etcd(url)
            running.callback(etcd.kill)  # Nothing is kept, so nobody waits for good-byes.
            port = free_port()
            server = self._server(port, url)
            running.callback(server.kill)
            self._write_kubeconfig(port)
            wait_until("the API server is ready", lambda: self._is_ready(server), _START_S)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def helm(self, *words: str) -> Done:
        return self._run("helm", words)

    def kubectl(self, *words: str, given: object = None) -> Done:
        """Run kubectl; `given` is an object for its `-f -`."""
        return self._run("kubectl", words, None if given is None else json.dumps(given))

    def found(self, *words: str) -> list[dict[str, Any]]:
        """Return the objects that `kubectl get` finds."""
        done = self.kubectl("get", "-o", "json", "--ignore-not-found", *words)
        assert done.code == 0, done.complaints
        items: list[dict[str, Any]] = json.loads(done.out)["items"] if done.out else []
        return items

    def kinds(self, *words: str) -> list[str]:
        """Return the kinds of objects there are; events only tell of others."""
        done = self.kubectl("api-resources", "--verbs=list", "-o", "name", *words)
        assert done.code == 0, done.complaints
        return [kind for kind in done.out.split() if not kind.startswith("events")]

    def _run(self, name: str, words: tuple[str, ...], given: str | None = None) -> Done:
        program = shutil.which(name, path=_PATH)
        assert program is not None, name
        done = subprocess.run(
            [program, *words],
            input=given or "",
            capture_output=True,
            text=True,
            check=False,
            env=self._environ,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _etcd(self, url: str) -> Child:
        peers = f"http://127.0.0.1:{free_port()}"
        options = {
            "data-dir": self._folder / "etcd",
            "listen-client-urls": url,
            "advertise-client-urls": url,
            "listen-peer-urls": peers,
            "initial-advertise-peer-urls": peers,
            "initial-cluster": f"default={peers}",
        }
        return Child(_command("etcd", options), self._folder / "etcd.log")

    def _server(self, port: int, etcd: str) -> Child:
        self._token = secrets.token_hex()
        tokens = self._folder / "tokens.csv"
        tokens.write_text(f'{self._token},{_USER},1,"system:masters"\n')
        tokens.chmod(0o600)
        key = self._folder / "service-accounts.key"
        openssl(f"ecparam -genkey -noout -name prime256v1 -out {key}")
        options = {
            "etcd-servers": etcd,
            "bind-address": "127.0.0.1",
            "secure-port": port,
            "cert-dir": self._folder / "certificates",
            "token-auth-file": tokens,
            "authorization-mode": "RBAC",
            # It waits for accounts that the controller manager makes, and there is none.
            "disable-admission-plugins": "ServiceAccount",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": key,
            "service-account-signing-key-file": key,
            "service-cluster-ip-range": "10.0.0.0/24",
        }
        return Child(_command("kube-apiserver", options), self._folder / "kube-apiserver.log")

    def _write_kubeconfig(self, port: int) -> None:
        here = "here"
        cluster = {
            "server": f"https://127.0.0.1:{port}",
            # The server makes it when it starts, and signs it itself.
            "certificate-authority": str(self._folder / "certificates" / "apiserver.crt"),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": here, "cluster": cluster}],
            "users": [{"name": _USER, "user": {"token": self._token}}],
            "contexts": [{"name": here, "context": {"cluster": here, "user": _USER}}],
            "current-context": here,
        }
        file = self._folder / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(json.dumps(config))

    def _is_ready(self, server: Child) -> bool:
        assert server.returncode is None, server.output()[-3000:]
        return self.kubectl("get", "--raw", "/readyz").out == "ok"


def _is_about_clusters(name: str) -> bool:
    return name.startswith(("HELM_", "KUBE"))


def _command(program: str, options: dict[str, object]) -> list[str]:
    found = shutil.which(program, path=_PATH)
    assert found is not None, program
    return [found, *(f"--{name}={value}" for name, value in options.items())]
