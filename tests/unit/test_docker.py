"""The container files keep their rules; nothing here builds or starts them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from executions.fleet.crew import HAND_OVER_S
from executions.fleet.supervisor import GRACE_S

TOP: Path = settings.BASE_DIR
DOCKERFILE = (TOP / "docker/Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((TOP / "docker/compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "fleet", "scheduler")


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    pairs = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(name, rest.strip()) for name, _, rest in pairs]


def of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def test_images_have_a_tag_that_is_not_latest():
    images = [rest.split(" ")[0] for rest in of("FROM")] + [service["image"] for service in SERVICES.values()]

    assert [image for image in images if ":" not in image or image.endswith(":latest")] == []


def test_the_image_ends_as_an_ordinary_user_with_a_health_check_and_an_init():
    assert of("USER") == ["10001:10001"]
    assert len(of("HEALTHCHECK")) == 1
    assert of("ENTRYPOINT") == ['["tini", "--"]']
    names = [name for name, _ in instructions()]
    assert not set(names[names.index("USER") :]) & {"RUN", "COPY", "ADD"}


def test_the_image_is_made_from_the_lock_file_with_the_makefile_s_uv():
    version = re.search(r"^UV_VERSION := (\S+)", (TOP / "Makefile").read_text(), re.MULTILINE)
    assert version
    assert f"uv=={version[1]}" in DOCKERFILE
    assert "uv sync --frozen --no-dev" in DOCKERFILE


def test_no_secret_is_built_in():
    assert of("ADD") == []
    assert of("ARG") == []
    assert [rest for rest in of("ENV") if re.search(r"KEY|PASSWORD|TOKEN|_URL|SECRET", rest)] == []


def test_what_is_copied_exists_and_is_not_ignored():
    allowed = {line[1:] for line in (TOP / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = [rest.split()[:-1] for rest in of("COPY") if not rest.startswith("--from")]

    assert {name for names in copied for name in names} == allowed
    assert [name for name in allowed if not (TOP / name).exists()] == []
    packages = {path.parent.name for path in TOP.glob("*/__init__.py")} - {"tests"}
    assert packages <= allowed


def test_every_process_has_a_place():
    assert set(SERVICES) == {*OURS, "postgres", "rabbitmq"}
    for name in ("web", "fleet", "scheduler"):
        command = SERVICES[name].get("command", of("CMD"))
        assert name in str(command)
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_confined_and_watched(name: str):
    service = SERVICES[name]

    assert service["user"] not in ("root", "0", "0:0")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only") is True or name == "rabbitmq"  # it writes beside its data
    assert service.get("init") is True or name in OURS  # whose image brings tini
    assert "healthcheck" in service or name == "web"  # the image's own
    assert not service.get("privileged")


def test_only_web_is_reachable_and_only_from_this_machine():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert list(ports) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in ports["web"])
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["rabbitmq"]["networks"] == ["inside"]


def test_secrets_are_files_and_have_no_default():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"KEY|PASSWORD|TOKEN|_URL", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    for name, secret in COMPOSE["secrets"].items():
        assert re.fullmatch(r"\$\{SECRET_FILES:\?[^}]+\}/" + name, secret["file"])
    assert COMPOSE["x-opsconductor"]["environment"]["OPSC_ALLOWED_HOSTS"].startswith("${OPSC_ALLOWED_HOSTS:?")


def test_the_documented_commands_make_every_secret_file(tmp_path: Path):
    operations = (TOP / "docs/operations.md").read_text()
    found = re.search(r"^```sh secrets\n(.*?)^```$", operations, re.MULTILINE | re.DOTALL)
    assert found
    script = found[1].replace("/etc/opsconductor", str(tmp_path / "made"))
    subprocess.run(["sh", "-eu", "-c", script], check=True, timeout=30)

    made = {path.name: path.read_text() for path in (tmp_path / "made").iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    assert made["postgres_password"] in made["database_url"]
    assert not any(value.endswith("\n") for name, value in made.items() if name != "rabbitmq_conf")
    assert len(set(made.values())) == len(made)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def test_a_stop_waits_for_the_drain():
    environment = COMPOSE["x-opsconductor"]["environment"]
    drain_s = float(environment["OPSC_DRAIN_S"]) + HAND_OVER_S + GRACE_S

    assert seconds(SERVICES["fleet"]["stop_grace_period"]) > drain_s


def test_job_directories_outlive_the_fleet_s_container():
    assert "jobs:/var/tmp" in SERVICES["fleet"]["volumes"]
    assert "/var/tmp" not in SERVICES["fleet"]["tmpfs"]
