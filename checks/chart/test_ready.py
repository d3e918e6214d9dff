"""What `helm test` runs, against a real gateway."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from checks.chart.rendering import of_kind, rendered
from gateway.testing.processes import free_port
from gateway.testing.site import Site, account


def words(*places: str) -> list[str]:
    """The pod's own command, with other places."""
    [pod] = of_kind(rendered({}), "Pod")
    command = pod["spec"]["containers"][0]["command"]
    assert command[:2] == ["python", "-c"]
    name = "http://shop-pulsa-gateway"
    assert command[3:] == [f"{name}:8080", f"{name}-reports:8080", f"{name}-operations:9090"]
    return [sys.executable, "-W", "error", "-c", command[2], *places]


def test_it_is_content_with_a_gateway_that_is_ready(tmp_path: Path) -> None:
    site = Site(tmp_path, [account("nobody", free_port())])
    with site.start() as child:
        asyncio.run(site.ready(child))
        done = subprocess.run(words(site.url, site.url, site.admin_url), capture_output=True, text=True, check=False)
        wrong = subprocess.run(words(site.url, site.url, site.url), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "clients: /v1/products asks for a key",
        "reports: /reports/nobody refuses a stranger",
        "operations: /readyz is ready",
    ]
    assert wrong.returncode == 1, "the operators' side is not on the clients' port"
    assert "operations: /readyz should answer 200, not 404" in wrong.stdout


@pytest.mark.parametrize("place", ["http://127.0.0.1:1"])
def test_it_fails_where_nothing_answers(place: str) -> None:
    done = subprocess.run(words(place, place, place), capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "no answer" in done.stdout
    assert done.stderr == ""
