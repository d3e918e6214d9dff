"""The containers of a rendered pod, as processes of this machine: their own words and files, other places and ports."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from checks.chart.matrix import POSTGRES
from checks.chart.rendering import CHART, ROOT, Document, containers, merged, one, rendered, workload
from gateway.testing.postgres_server import PostgresServer
from gateway.testing.processes import Child, free_port, until
from gateway.testing.site import probe

KEY = "sandbox-key-not-for-production"
PATHS_UNDER_REPORTS = (
    "/reports/..%2fv1/products",
    "/reports/../v1/products",
    "/reports/%2e%2e/v1/products",
    "/reports/../openapi.json",
)
"""What a controller may take for a path under /reports: the gateway makes no other path of it."""
GATEWAY = [sys.executable, "-m", "gateway"]


class Pod:
    """A folder in the place of a pod's root, and its containers as processes."""

    def __init__(
        self, folder: Path, found: list[Document], mounted: Mapping[str, str] | None = None, config: str = ""
    ) -> None:
        self._folder = folder
        self.found = found
        self.ports = {name: free_port() for name in ("8080", "8089", "9090")}
        self.work = folder / "var" / "lib" / "pulsa-gateway"
        for path in (self.work / "var", self.work / "audit", folder / "etc" / "pulsa-gateway"):
            path.mkdir(parents=True)
        held = one(found, "ConfigMap", config)["data"]["gateway.yaml"]
        files = {"etc/pulsa-gateway/gateway.yaml": held, **(mounted or {})}
        files["etc/pulsa-gateway/follow.py"] = (CHART / "files" / "follow.py").read_text("utf-8")
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(self._here(content), encoding="utf-8")

    def _here(self, text: str) -> str:
        text = re.sub(r"/(etc|run|var)/(lib/)?pulsa-gateway", rf"{self._folder}/\1/\2pulsa-gateway", text)
        return re.sub(r"\b(8080|8089|9090)\b", lambda port: str(self.ports[port[0]]), text)

    def container(self, name: str, spec: Document | None = None) -> Child:
        """Start one."""
        spec = spec or workload(self.found)["spec"]["template"]["spec"]
        it = next(it for it in containers(spec) if it["name"] == name)
        words = [sys.executable, *it["command"][1:]] if "command" in it else [*GATEWAY, *it["args"]]
        return Child([self._here(word) for word in words], log=self._folder / f"{name}.log", folder=self.work)

    @contextlib.contextmanager
    def running(self) -> Iterator[dict[str, Child]]:
        """Everything that the pod runs, in its order: what ends by itself is waited for."""
        with contextlib.ExitStack() as stack:
            started: dict[str, Child] = {}
            for it in containers(workload(self.found)["spec"]["template"]["spec"]):
                child = stack.enter_context(self.container(it["name"]))
                started[it["name"]] = child
                if it["name"] != "gateway" and it.get("restartPolicy") != "Always":
                    assert asyncio.run(child.ended(30)) == 0, child.output()
            asyncio.run(self.ready(started["gateway"]))
            yield started

    async def ready(self, gateway: Child) -> None:
        async def ready() -> bool:
            assert gateway.code() is None, gateway.output()
            return await probe(self.ports["9090"], "/readyz") == 200

        await until(ready, within=30, what="a gateway that is ready")

    async def known(self) -> list[str]:
        """The `ref_id` of every purchase that is in the ledger."""
        url = f"http://127.0.0.1:{self.ports['8080']}/v1/transactions"
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session,
            session.get(url) as answer,
        ):
            return [it["ref_id"] for it in (await answer.json())["transactions"]]

    async def buy(self, ref_id: str, dest: str) -> dict[str, Any]:
        """What a client with the known key is told in the end."""
        order = {"ref_id": ref_id, "product": "XL5", "dest": dest}
        headers = {"Authorization": f"Bearer {KEY}", "Prefer": "wait=20"}
        url = f"http://127.0.0.1:{self.ports['8080']}/v1/transactions"
        async with aiohttp.ClientSession() as session, session.post(url, json=order, headers=headers) as answer:
            return dict(await answer.json())


def test_a_trial_on_sqlite_buys_and_drains(tmp_path: Path) -> None:
    pod = Pod(tmp_path, rendered({"sandbox": {"enabled": True}, "audit": {"to": "stdout"}}))
    with pod.running() as started:
        at_once = asyncio.run(pod.buy("A-1", "0817123456720"))
        reported = asyncio.run(pod.buy("A-2", "0817123456700"))
        assert (at_once["status"], reported["status"]) == ("success", "success")
        assert [asyncio.run(probe(pod.ports["8080"], path)) for path in PATHS_UNDER_REPORTS] == [403, 404, 404, 403]
        for name in ("gateway", "sandbox", "audit"):  # the order in which Kubernetes ends them
            started[name].send(signal.SIGTERM)
            assert asyncio.run(started[name].ended(40)) == 0, started[name].output()
        printed = started["audit"].output()
    assert printed == (pod.work / "audit" / "audit.jsonl").read_text("utf-8")
    assert at_once["id"] in printed
    assert '"event":"audit_closed"' in printed
    assert {file.name for file in (pod.work / "var").iterdir()} >= {"gateway.db"}
    assert {file.name for file in pod.work.iterdir()} == {"var", "audit"}, "nothing is written beside the volumes"


def test_replicas_on_postgresql_migrate_in_their_pods(tmp_path: Path, postgres: PostgresServer) -> None:
    postgres.execute("postgres", "CREATE DATABASE in_pods")
    found = rendered(merged(POSTGRES, {"sandbox": {"enabled": True}}))
    mounted = {"run/pulsa-gateway/ledger/url": postgres.url("in_pods") + "\n"}
    first, second = (Pod(tmp_path / name, found, mounted) for name in ("first", "second"))
    with first.running(), second.running():
        assert asyncio.run(first.buy("A-1", "0817123456720"))["status"] == "success"
        assert asyncio.run(second.buy("A-1", "0817123456720"))["status"] == "success"
    assert postgres.execute("in_pods", "SELECT count(*) FROM transactions") == [(1,)]


def test_pods_need_no_right_to_change_tables_where_a_job_migrates(tmp_path: Path, postgres: PostgresServer) -> None:
    first, then = fenced("sql")[0].split("-- and then in that database:")
    postgres.execute("postgres", *statements(first))
    postgres.execute("gateway", *statements(then))
    owner, pods = (
        postgres.url("gateway").replace("gateway:", f"{role}:", 1) for role in ("gateway_owner", "gateway_pods")
    )
    by_job = {"by": "job", "existingSecret": "gateway-owner", "urlKey": "dsn"}
    found = rendered(merged(POSTGRES, {"sandbox": {"enabled": True}, "migration": by_job}))
    hook = Pod(tmp_path / "hook", found, {"run/pulsa-gateway/ledger/dsn": owner}, config="-migrate")
    with hook.container("migrate", one(found, "Job", "-migrate")["spec"]["template"]["spec"]) as child:
        assert asyncio.run(child.ended(30)) == 0, child.output()
    pod = Pod(tmp_path / "pod", found, {"run/pulsa-gateway/ledger/url": pods})
    with pod.running() as started:
        assert "migrate" not in started
        assert asyncio.run(pod.buy("A-1", "0817123456700"))["status"] == "success"
    rights = "SELECT has_schema_privilege('gateway_pods', 'public', 'CREATE'), pg_get_userbyid(relowner) FROM pg_class"
    assert postgres.execute("gateway", f"{rights} WHERE relname = 'transactions'") == [(False, "gateway_owner")]


def test_a_copy_of_sqlite_is_made_while_it_works_and_brought_back(tmp_path: Path) -> None:
    pod = Pod(tmp_path, rendered({"sandbox": {"enabled": True}}))
    copying, bringing_back = (re.findall(r"python -c '\n(.*?)\n' [<>]", it, re.DOTALL) for it in fenced("sh")[-2:])
    with pod.running():
        asyncio.run(pod.buy("A-1", "0817123456720"))
        copy = subprocess.run([sys.executable, "-c", *copying], cwd=pod.work, capture_output=True, check=True).stdout
        asyncio.run(pod.buy("A-2", "0817123456720"))
    assert not (pod.work / "var" / "copy.db").exists()
    with pod.container("gateway") as child:  # killed, as above, and started again
        asyncio.run(pod.ready(child))
    subprocess.run([sys.executable, "-c", *bringing_back], cwd=pod.work, input=copy, check=True)
    with pod.running():
        assert asyncio.run(pod.known()) == ["A-1"]
        assert asyncio.run(pod.buy("A-3", "0817123456720"))["status"] == "success"


def fenced(language: str) -> list[str]:
    """The blocks of docs/kubernetes.md in that language."""
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def statements(sql: str) -> list[str]:
    return [it for it in sql.split(";") if it.strip()]
