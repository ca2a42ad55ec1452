"""An HTTP step that must not be sent is refused before a byte leaves."""

import socket

import pytest

from executions.connectors.base import NotStarted
from executions.connectors.httpaddress import checked_addresses
from executions.connectors.httprequest import request_of
from executions.connectors.registry import NoConnector, connector_for
from safety.secrets.values import SecretValue
from tests.jobs import some_work


def allowed(host: str, *, private: bool = True, own: str = "") -> list[str]:
    return checked_addresses(host, 80, private=private, own_address=own, timeout_s=5)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
    ],
)
def test_metadata_link_local_and_group_addresses_are_never_reached(host: str) -> None:
    with pytest.raises(NotStarted) as refusal:
        allowed(host, own=host)
    assert refusal.value.category == "address"
    assert not refusal.value.transient


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "10.0.0.8", "0x7f.1", "::ffff:10.0.0.8", "fc00::1", "localhost"]
)
def test_private_addresses_need_the_setting_or_the_asset(host: str) -> None:
    assert allowed(host)
    assert allowed(host, private=False, own=host)
    with pytest.raises(NotStarted, match="private"):
        allowed(host, private=False)


def test_public_addresses_need_nothing() -> None:
    assert allowed("8.8.8.8", private=False) == ["8.8.8.8"]


def test_one_bad_address_among_good_ones_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, port)) for address in ("8.8.8.8", "169.254.169.254")]

    monkeypatch.setattr(socket, "getaddrinfo", answer)  # no name server of ours can be asked for this
    with pytest.raises(NotStarted, match=r"169\.254"):
        allowed("rebind.example")


def test_a_name_without_an_address_may_be_tried_again() -> None:
    with pytest.raises(NotStarted) as refusal:
        allowed("no-such-name.invalid")
    assert (refusal.value.category, refusal.value.transient) == ("unreachable", True)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/",
        "file:///etc/passwd",
        "http://user:pw@host/",
        "http://host\\@evil/",
        "http:///path",
        "http://ho st/",
        "http://host/\r\nX: y",
        "http://host:99999/",
        "http://host:0/",
        "http://hôst/",
        "http://[::1%25eth0]/",
        "//host/",
        "",
        5,
    ],
)
def test_an_odd_url_is_refused(url: object) -> None:
    with pytest.raises(NotStarted, match="url") as refusal:
        request_of(some_work({"url": url}, kind="http"))
    assert refusal.value.category == "invalid"


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"method": "TRACE"}, "method"),
        ({"method": "GET / HTTP/1.1\r\nX:"}, "method"),
        ({"headers": {"Host": "other"}}, "headers.Host"),
        ({"headers": {"X-Fencing-Token": "1"}}, "headers.X-Fencing-Token"),
        ({"headers": {"X": "a\r\nY: b"}}, "headers.X"),
        ({"headers": {"X": 5}}, "headers.X"),
        ({"body": "a", "json": {}}, "body"),
        ({"proxy": "x"}, "proxy"),
    ],
)
def test_an_odd_request_is_refused_with_its_place(arguments: dict[str, object], place: str) -> None:
    with pytest.raises(NotStarted, match=place):
        request_of(some_work({"url": "http://host/", **arguments}, kind="http"))


def test_secrets_are_put_in_and_stay_out_of_the_request_s_own_words() -> None:
    secret = SecretValue("hunter2hunter2")
    arguments = {"url": "http://host/", "method": "POST", "headers": {"X": secret}, "json": {"a": [secret]}}
    request = request_of(some_work(arguments, kind="http"))
    assert request.headers["X"] == "hunter2hunter2"
    assert request.body == b'{"a": ["hunter2hunter2"]}'
    assert "hunter2" not in repr(request)


@pytest.mark.parametrize(
    ("kind", "connection"), [("sql", "local"), ("command", "winrm"), ("command", ""), ("", "")]
)
def test_what_no_connector_can_do_is_an_error(kind: str, connection: str) -> None:
    with pytest.raises(NoConnector):
        connector_for(kind, connection)
