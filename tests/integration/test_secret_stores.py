"""Promises about the stores of the table: several a tenant, each tenant its own paths, and who may write them."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.test import Client

from safety.models import SecretStore, Tenant
from safety.secrets import errors
from safety.secrets.resolver import Resolver
from tests.services.openbao import OpenBao
from tests.world import World


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """What a worker's operator put here for stores: files of two tenants, and a token."""
    settings.OPSC = settings.OPSC | {"STORES_DIR": str(tmp_path)}
    for place, text in {
        "folders/vendor/acme/web": "acme-web",
        "folders/vendor/acme/..data/mounted": "acme-mounted",
        "folders/vendor/acme2/web": "acme2-web",
        "folders/vendor/other/web": "other-web",
        "folders/private/anything": "olgas-own",
        "credentials/token": "a-token",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    (tmp_path / "folders/vendor/acme/mounted").symlink_to("..data/mounted")
    (tmp_path / "folders/vendor/acme/neighbour").symlink_to("../other/web")
    (tmp_path / "folders/vendor/acme/token").symlink_to("../../../credentials/token")
    return tmp_path


def a_store(name: str, tenant: Tenant | None = None, **more: Any) -> SecretStore:
    given = {"kind": "file", "settings": {"folder": name}, "prefixes": ["{tenant}"]} | more
    store = SecretStore(name=name, tenant=tenant, **given)
    store.full_clean()
    store.save()
    return store


def value(tenant: Tenant, reference: str) -> str:
    resolver = Resolver(tenant.slug, tenant_id=tenant.pk)
    return str(resolver.resolve({"secret": reference}).reveal())


def test_a_tenant_has_stores_of_its_own_beside_those_for_all(world: World, folder: Path) -> None:
    a_store("vendor")
    a_store("private", world.acme, prefixes=["anything"], settings={"folder": "private"}).delete()
    a_store("private", world.acme, prefixes=["sub"], settings={"folder": "private"})
    (folder / "folders/private/sub").mkdir()
    (folder / "folders/private/sub/x").write_text("olgas-own")

    assert value(world.acme, "vendor:acme/web") == "acme-web"
    assert value(world.acme, "vendor:acme/mounted") == "acme-mounted"
    assert value(world.other, "vendor:other/web") == "other-web"
    assert value(world.acme, "private:sub/x") == "olgas-own"
    with pytest.raises(
        errors.StoreUnknown, match=r"no secret store 'private' here; configured: env, vendor$"
    ):
        value(world.other, "private:sub/x")


def test_a_tenants_own_store_wins_and_one_that_is_switched_off_is_none(world: World, folder: Path) -> None:
    a_store("vendor")
    own = a_store("vendor", world.acme, settings={"folder": "own"}, prefixes=["x"])
    (folder / "folders/own/x").mkdir(parents=True)
    (folder / "folders/own/x/y").write_text("own")

    assert value(world.acme, "vendor:x/y") == "own"
    assert value(world.other, "vendor:other/web") == "other-web"
    own.is_active = False
    own.save()
    assert value(world.acme, "vendor:acme/web") == "acme-web"


@pytest.mark.parametrize("path", ["other/web", "acme2/web", "acme/neighbour", "acme/token", "acme", "ac/me"])
def test_a_tenant_reaches_its_own_paths_only(world: World, folder: Path, path: str) -> None:
    a_store("vendor")

    with pytest.raises(errors.SecretForbidden):
        value(world.acme, f"vendor:{path}")


@pytest.mark.parametrize(
    "path", ["../other/web", "acme/../other/web", "acme//web", "acme/%2e%2e/x", "/acme/web"]
)
def test_a_hostile_path_is_no_reference_at_all(world: World, folder: Path, path: str) -> None:
    a_store("vendor")

    with pytest.raises(errors.ReferenceInvalid):
        value(world.acme, f"vendor:{path}")


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"prefixes": []}, "prefixes", "at least one prefix"),
        ({"prefixes": ["kv"]}, "prefixes", "the same for every tenant"),
        ({"prefixes": ["kv/{tenant}-x"]}, "prefixes", "as a whole part"),
        ({"prefixes": ["kv/../{tenant}"]}, "prefixes", "is no path"),
        ({"prefixes": ["{tenant}", ""]}, "prefixes", "is no path"),
        ({"settings": {"folder": "../credentials"}}, "settings", "without `..`"),
        ({"settings": {"folder": "/etc"}}, "settings", "below its folder"),
        ({"settings": {"folder": "x", "password": "hunter2"}}, "settings", "password"),
        ({"settings": []}, "settings", "must be an object"),
        ({"name": "vault"}, "name", "environment"),
        ({"name": "Vendor"}, "name", "Small letters"),
        ({"cache_s": 3601}, "cache_s", "At most 3600"),
        ({"kind": "asset_service"}, "prefixes", "leave them out"),
    ],
)
def test_what_no_worker_could_use_safely_is_refused(
    world: World, change: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        a_store(**({"name": "vendor"} | change))

    assert said in str(refused.value.message_dict[field])
    assert "hunter2" not in str(refused.value)


VAULT = {"address": "https://vault.example", "auth": "token", "token_env": "OPSC_STORE_X"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": "http://vault.example"}, "must begin with https://"),
        ({"address": "http://169.254.169.254"}, "must begin with https://"),
        ({"address": "https://u:p@vault.example"}, "must be an address"),
        ({"address": "file:///etc/passwd"}, "must be an address"),
        ({"token_env": "DATABASE_URL"}, "OPSC_STORE_"),
        ({"token_env": "OPSC_STORE_"}, "OPSC_STORE_"),
        ({"token_file": "/proc/self/environ"}, "below its folder"),
        ({"token_env": ""}, "either token_env or token_file"),
        ({"token": "hunter2"}, "token"),
        ({"auth": "approle"}, "give role_id"),
        ({"ca_file": "../x"}, "without `..`"),
        ({"timeout_s": 31.0}, "less than or equal to 30"),
    ],
)
def test_a_vault_store_points_only_at_what_the_workers_operator_gave_it(
    world: World, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        a_store("bao", kind="vault", settings=VAULT | change, prefixes=["kv/{tenant}"])

    assert said in str(refused.value.message_dict["settings"])
    assert "hunter2" not in str(refused.value)


def test_a_row_that_got_past_the_form_is_not_believed(world: World, folder: Path) -> None:
    a_store("vendor")
    SecretStore.objects.update(prefixes=["acme"])
    with pytest.raises(errors.StoreMisconfigured, match="the same for every tenant"):
        value(world.other, "vendor:acme/web")
    SecretStore.objects.update(prefixes=["{tenant}"], settings={"folder": "../credentials"})
    with pytest.raises(errors.StoreMisconfigured, match="settings are wrong"):
        value(world.acme, "vendor:acme/web")
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("UPDATE opsc_secret_store SET prefixes = '{}'")


def test_a_vault_of_the_table_reads_with_the_workers_own_credential(
    world: World, folder: Path, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    openbao.put("acme/table", password="by-the-table")
    settings = {"address": openbao.url, "auth": "token", "token_env": "OPSC_STORE_BAO"}
    a_store("bao", world.acme, kind="vault", settings=settings, prefixes=["secret/{tenant}"])

    with pytest.raises(errors.StoreMisconfigured, match="this worker has no variable OPSC_STORE_BAO"):
        value(world.acme, "bao:secret/acme/table")
    monkeypatch.setenv("OPSC_STORE_BAO", openbao.token)
    assert value(world.acme, "bao:secret/acme/table#password") == "by-the-table"
    SecretStore.objects.update(settings={"address": openbao.url, "auth": "token", "token_file": "bao/token"})
    with pytest.raises(errors.SignInRefused, match="the worker cannot read"):
        value(world.acme, "bao:secret/acme/table#password")
    (folder / "credentials/bao").mkdir()
    (folder / "credentials/bao/token").write_text(openbao.token)
    assert value(world.acme, "bao:secret/acme/table#password") == "by-the-table"
    with pytest.raises(errors.SecretForbidden, match="it reaches bao:secret/acme/…"):
        value(world.acme, "bao:secret/other/web#password")


def test_nothing_is_kept_unless_the_store_says_so_and_then_for_one_tenant_only(
    world: World, folder: Path
) -> None:
    store = a_store("vendor")
    web = folder / "folders/vendor/acme/web"
    assert value(world.acme, "vendor:acme/web") == "acme-web"
    web.write_text("rotated")
    assert value(world.acme, "vendor:acme/web") == "rotated"
    store.cache_s = 3600
    store.save()
    assert value(world.acme, "vendor:acme/web") == "rotated"
    web.write_text("rotated again")

    assert value(world.acme, "vendor:acme/web") == "rotated"
    with pytest.raises(errors.SecretForbidden):
        value(world.other, "vendor:acme/web")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


ADD = "/admin/safety/secretstore/add/"
FORM = {
    "name": "vendor",
    "kind": "file",
    "settings": '{"folder": "vendor"}',
    "prefixes": "{tenant}",
    "cache_s": 0,
}


def test_superusers_write_stores_and_others_read_those_of_their_tenant(world: World) -> None:
    boss = User.objects.create_superuser("boss")
    User.objects.update(is_staff=True)
    assert signed_in(boss).post(ADD, FORM | {"is_active": "on"}).status_code == 302
    shared = SecretStore.objects.get()
    own = a_store("own", world.other)
    page = f"/admin/safety/secretstore/{own.pk}/change/"
    nina = signed_in(User.objects.get(username="nina"))  # tenant admin of the other tenant

    assert nina.get(page).status_code == 200
    assert nina.post(page, FORM).status_code == 403
    assert nina.post(ADD, FORM).status_code == 403
    assert nina.get(f"/admin/safety/secretstore/{shared.pk}/change/").status_code in (302, 403)
    listed = nina.get("/admin/safety/secretstore/").content.decode()
    assert ">own<" in listed
    assert ">vendor<" not in listed
    olga = signed_in(User.objects.get(username="olga"))
    assert ">own<" not in olga.get("/admin/safety/secretstore/").content.decode()
    assert olga.get(page).status_code == 302


def test_stores_are_built_once_for_all_threads(world: World, folder: Path) -> None:
    from safety.secrets.stores import store

    a_store("vendor")
    made: list[Any] = []

    def ask() -> None:
        made.append(store("vendor", world.acme.pk))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(one) for one in made}) == 1
