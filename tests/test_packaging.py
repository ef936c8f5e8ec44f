"""What is shipped: a wheel that serves, an image, a compose file and a unit that are what they should be."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from app.settings import Settings
from tests.command import Command
from tests.conftest import PASSWORD

HOUSE = Path(__file__).parents[1]
DOCKERFILE = (HOUSE / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((HOUSE / "compose.yaml").read_text())
UNIT = (HOUSE / "scripts" / "prome.service").read_text()
NOT_SHIPPED = {"node_modules", "__pycache__", "package.json", "package-lock.json", "small"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing lying about in the checkout gets in or is left behind."""
    sources, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in ("app", "web"):
        shutil.copytree(HOUSE / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HOUSE / name, sources)
    (sources / "scripts").mkdir()
    shutil.copy(HOUSE / "scripts" / "build_web.py", sources / "scripts")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(sources)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def shipped(top: str, into: str) -> set[str]:
    files = (path for path in (HOUSE / top).rglob("*") if path.is_file() and not NOT_SHIPPED & set(path.parts))
    kept = (path for path in files if not path.name.endswith(".test.mjs"))
    return {f"{into}/{path.relative_to(HOUSE / top).as_posix()}" for path in kept}


@pytest.mark.either_engine
def test_the_wheel_holds_the_program_its_migrations_and_its_pages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    # The small forms of our own files are named by what they were made of, which changes with every edit.
    small = {name for name in names if name.startswith("app/web/vendor/small/")}
    inside = {name for name in names if ".dist-info/" not in name} - small

    assert len(small) > 100
    assert inside == shipped("app", "app") | shipped("web", "app/web")
    assert {"app/migrations/versions/0001_accounts.py", "app/migrations/script.py.mako", "app/web/index.html"} <= inside
    assert {"app/web/vendor/marked.js.br", "app/web/vendor/LICENSES.txt"} <= inside


@pytest.mark.either_engine
def test_what_is_installed_from_the_wheel_serves_pages_and_opens_accounts(wheel: Path, tmp_path: Path) -> None:
    """Where there is no checkout. The dependencies are borrowed, so that nothing is fetched."""
    place = tmp_path / "installed"
    venv.create(place, with_pip=False, symlinks=True)
    packages = next(place.glob("lib/python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = str(place / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)

    installed = Command(tmp_path, {"PYTHONPATH": ""}, [str(place / "bin" / "prome")])
    with installed.serving() as server:
        page, style = httpx2.get(server.url), httpx2.get(f"{server.url}/assets/css/base.css")
        body = {"email": "ann@example.com", "password": PASSWORD}
        account = httpx2.post(f"{server.url}/api/auth/register", json=body)
        code, _ = server.terminate()
        assert "/web/" not in server.log.read_text()

    asked = [python, "-c", "import app; print(app.__file__)"]
    where = subprocess.run(
        asked, cwd=tmp_path, env=installed.environment({}), check=True, capture_output=True, text=True
    )
    assert Path(where.stdout.strip()).is_relative_to(packages)
    assert (page.status_code, style.status_code, account.status_code, code) == (200, 200, 201, 0)


def test_the_image_runs_as_nobody_special_from_pinned_bases() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]

    assert len(bases) == 2
    for base in bases:
        assert re.search(r":\d", base), base
    assert re.findall(r"^USER (\S+)", last_stage, re.MULTILINE)[-1:] == ["prome"]
    assert last_stage.index("USER prome") < last_stage.index("ENTRYPOINT")
    assert "HEALTHCHECK" in last_stage
    assert "ENVIRONMENT=production" in last_stage


def test_the_image_names_only_files_and_settings_that_exist() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    allowed = {line[1:] for line in (HOUSE / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    names = set(re.findall(r"\b([A-Z][A-Z_]+)=", DOCKERFILE)) - {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}

    for name in " ".join(copied).split():
        assert (HOUSE / name).exists(), name
        assert name in allowed
    assert names <= {name.upper() for name in Settings.model_fields}


def test_the_image_names_only_extras_that_there_are() -> None:
    extras = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (named,) = re.findall(r"EXTRAS at `([^`]+)`", DOCKERFILE)

    assert set(named.split(",")) <= set(extras)
    assert "${EXTRAS:-" not in DOCKERFILE


def test_every_service_of_the_compose_file_is_pinned_watched_and_free_of_secrets() -> None:
    services = COMPOSE["services"]

    assert {"prome", "migrate", "postgres", "valkey"} == set(services)
    for name, service in services.items():
        image = service.get("image")
        assert "build" in service if image is None else re.search(r":\d", image), name
        assert "healthcheck" in service or "build" in service, name
        for variable, value in service.get("environment", {}).items():
            assert "PASSWORD" not in variable or value.startswith("${"), f"{name}: {variable}"
            assert not re.search(r"://[^:/@]*:(?!\$\{)[^@]+@", str(value)), f"{name}: {variable}"


def test_the_compose_file_waits_for_what_each_service_needs() -> None:
    services = COMPOSE["services"]

    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services, name
            assert how["condition"] in {"service_healthy", "service_completed_successfully"}
    assert services["prome"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert set(services["prome"]["environment"]) <= {name.upper() for name in Settings.model_fields}


def test_a_proxy_before_the_published_port_is_believed_and_nobody_else() -> None:
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    believed = COMPOSE["services"]["prome"]["environment"]["TRUSTED_PROXIES"]

    assert ip_address(network["gateway"]) in ip_network(network["subnet"])
    assert believed.split(",") == ["127.0.0.1", network["subnet"]]
    # Only this machine reaches the port, so whoever says for whom it asks is a proxy of its operator.
    assert COMPOSE["services"]["prome"]["ports"] == ["127.0.0.1:8000:8000"]


def test_whoever_stops_the_service_waits_longer_than_its_replies_may_run() -> None:
    drain = Settings.model_fields["drain_seconds"].default

    waits = [COMPOSE["services"]["prome"]["stop_grace_period"], re.findall(r"^TimeoutStopSec=(\d+)", UNIT, re.M)[0]]

    # The server is gone two seconds after the last of its replies, whatever else is under way.
    assert all(int(wait.removesuffix("s")) > drain + 2 for wait in waits)


def test_systemd_tells_the_server_and_leaves_it_to_tell_its_workers() -> None:
    assert re.findall(r"^KillMode=(\w+)", UNIT, re.MULTILINE) == ["mixed"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here to ask")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Its programs are not installed here, so some that are stand in for them."""
    unit = tmp_path / "prome.service"
    unit.write_text(UNIT.replace("/opt/prome/bin/prome", "/bin/true"))

    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)

    assert (said.returncode, [line for line in said.stderr.splitlines() if "prome.service" in line]) == (0, [])


@pytest.mark.parametrize("script", [".ci/run"])
def test_the_shell_understands_our_scripts(script: str) -> None:
    said = subprocess.run(["bash", "-n", HOUSE / script], capture_output=True, text=True, check=False)

    assert (said.returncode, said.stderr) == (0, "")
    assert "set -euo pipefail" in (HOUSE / script).read_text()


def test_versions_are_pinned_by_name_alone() -> None:
    lines = (HOUSE / "scripts" / "constraints.txt").read_text().splitlines()

    assert len(lines) > 50
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line)] == []
