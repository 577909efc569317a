"""Which proxy of the installation is on the way to a place, by the worker's variables."""

from __future__ import annotations

import pytest

from damascus.errors import ConfigurationError
from damascus.sandbox.upstream import Hop, Upstream, upstream
from damascus.text.proxy_passwords import proxy_passwords


def test_an_installation_without_a_proxy_has_none():
    assert upstream({"PATH": "/bin", "HTTPS_PROXY": ""}) == Upstream()


def test_tunnels_go_by_one_variable_and_plain_requests_by_the_other():
    found = upstream({"HTTPS_PROXY": "http://tls.test:3128", "http_proxy": "plain.test"})
    assert found.hop(("a.test", 443), tunnel=True) == Hop("tls.test", 3128)
    assert found.hop(("a.test", 80), tunnel=False) == Hop("plain.test", 80)


def test_all_proxy_stands_for_both_where_they_are_unset():
    found = upstream({"all_proxy": "http://both.test:1", "HTTPS_PROXY": "http://tls.test:2"})
    assert (found.http, found.https) == (Hop("both.test", 1), Hop("tls.test", 2))


def test_small_letters_win_as_in_curl():
    assert upstream({"HTTPS_PROXY": "a.test:1", "https_proxy": "b.test:2"}).https == Hop(
        "b.test", 2
    )


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("*", "a.test", True),
        ("a.test", "a.test", True),
        ("a.test", "b.a.test", True),
        (".a.test", "b.a.test", True),
        ("*.a.test", "b.a.test", True),
        ("a.test", "ba.test", False),
        ("a.test:8443", "a.test", True),
        ("a.test:443", "a.test", False),
        ("x.test, 10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("fd00::1", "fd00::1", True),
        ("A.Test", "a.test", True),
        ("", "a.test", False),
        (",.,", "a.test", False),
    ],
)
def test_no_proxy_names_what_is_reached_without_one(no_proxy, host, direct):
    found = upstream({"HTTPS_PROXY": "http://proxy.test:3128", "NO_PROXY": no_proxy})
    assert (found.hop((host, 8443), tunnel=True) is None) is direct


@pytest.mark.parametrize(
    "value",
    ["socks5h://proxy.test:1080", "https://proxy.test", "http://", "http://a:b", "http://["],
)
def test_a_proxy_that_nothing_can_go_through_is_a_sentence_without_its_password(value):
    with pytest.raises(ConfigurationError, match=r"HTTPS_PROXY.*http://HOST:PORT") as raised:
        upstream({"HTTPS_PROXY": value.replace("//", "//me:sesame@", 1)})
    assert "sesame" not in str(raised.value)


def test_credentials_are_said_to_the_proxy_and_shown_to_nobody():
    hop = upstream({"HTTPS_PROXY": "http://me:open%20sesame@proxy.test:3128"}).https
    assert hop is not None
    assert hop.headers == (b"Proxy-Authorization: Basic bWU6b3BlbiBzZXNhbWU=",)
    assert "bWU6" not in repr(hop)


def test_passwords_of_proxies_are_secrets_in_every_form():
    told = {"HTTPS_PROXY": "http://me:open%20sesame@proxy.test:3128", "http_proxy": "http://["}
    assert proxy_passwords(told) == ("open%20sesame", "open sesame", "me:open sesame")
    assert proxy_passwords({"PROXY": "http://me:pw@proxy.test", "NO_PROXY": "*"}) == ()
