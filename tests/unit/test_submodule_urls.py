"""Where a submodule may be fetched from, and where the token goes along."""

from __future__ import annotations

from pathlib import Path

import pytest

from damascus.git_ops.submodule_urls import RefusedURLError, remote_of
from damascus.ports import Remote

FORGE = Remote("https://git.example:8443/forge/team/shop.git", "Authorization: token t")
LOCAL = Remote("/srv/git/shop.git")


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("../lib.git", "https://git.example:8443/forge/team/lib.git"),
        ("../../other/lib", "https://git.example:8443/forge/other/lib"),
        ("./part.git", "https://git.example:8443/forge/team/shop.git/part.git"),
        ("../lib.git/", "https://git.example:8443/forge/team/lib.git"),
        ("https://GIT.example:8443/x/y.git", "https://GIT.example:8443/x/y.git"),
    ],
)
def test_the_same_host_gets_the_header(url, where):
    assert remote_of(url, FORGE, ()) == Remote(where, FORGE.header)


@pytest.mark.parametrize(
    "url",
    [
        *("https://git.example/x.git", "http://git.example:8443/x.git", "https://other/x.git"),
        *("https://git.example.evil:8443/x.git", "https://sub.git.example:8443/x.git"),
    ],
)
def test_another_scheme_host_or_port_does_not(url):
    assert remote_of(url, FORGE, ()) == Remote(url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "ext::sh -c true", "file:///etc", "git://host/x", "ssh://git@host/x", "git@host:x/y"),
        *("-u", "--upload-pack=touch", "lib", "/etc", "https://u:p@git.example:8443/x"),
        *("https://git.example:8443/a/../x", "https://git.example:8443/a/%2e%2e/x", "https:///x"),
        *("../../../../x", "https://git.example/x?y", "https://git.example/x#y", "http://a:b/x"),
        *("https://git.example/x y", "https://git.example/x\n", "https://a\\@git.example/x"),
        *("https://git.example/" + "x" * 3000, "fd::1", "\0", "https://[::1/x"),
    ],
)
def test_anything_else_is_refused_without_showing_it(url):
    with pytest.raises(RefusedURLError) as refused:
        remote_of(url, FORGE, [Path("/")])
    assert not url or url not in str(refused.value)


def test_a_path_on_this_machine_needs_the_leave_of_the_installation(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    for url in ("/etc", f"{tmp_path}/in/../../x", f"{tmp_path}/link", "../../etc", "../other.git"):
        with pytest.raises(RefusedURLError, match="DAMASCUS_SUBMODULE_DIRECTORIES"):
            remote_of(url, LOCAL, [tmp_path])
    assert remote_of(f"{tmp_path}/in", LOCAL, [tmp_path]) == Remote(str(tmp_path / "in"))
    assert remote_of("../lib.git", LOCAL, [Path("/srv/git")]) == Remote("/srv/git/lib.git")
    with pytest.raises(RefusedURLError, match="directories"):
        remote_of("../../git-private/lib.git", LOCAL, [Path("/srv/git")])
