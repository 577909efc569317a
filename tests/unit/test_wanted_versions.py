"""The versions that a repository asks for are read from its version files and images."""

import pytest

from damascus.detection import Repository, Wanted, wanted


@pytest.mark.parametrize(
    ("path", "text", "program", "version"),
    [
        (".python-version", "3.12.1\n", "python3", "3.12.1"),
        (".nvmrc", "v20\n", "node", "20"),
        ("rust-toolchain", "1.80.0\n", "cargo", "1.80.0"),
        ("rust-toolchain.toml", '[toolchain]\nchannel = "1.79"\n', "cargo", "1.79"),
        (".tool-versions", "# tools\nnodejs 22.3.0\n", "node", "22.3.0"),
        ("mise.toml", '[tools]\ngo = "1.22"\n', "go", "1.22"),
        ("mise.toml", '[tools]\npython = {version = "3.11"}\n', "python3", "3.11"),
        (
            ".devcontainer/devcontainer.json",
            '{\n  // made by hand\n  "image": "images.example/devcontainers/python:1-3.12"\n}',
            "python3",
            "3.12",
        ),
        ("Dockerfile", "FROM --platform=linux/amd64 golang:1.23-alpine AS build\n", "go", "1.23"),
        ("Dockerfile", "FROM images.example/library/ruby:3.3\n", "ruby", "3.3"),
    ],
)
def test_a_file_says_which_version_it_wants(path, text, program, version):
    assert wanted(Repository([path], {path: text}.get)) == (Wanted(program, version, path),)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".nvmrc", "lts/iron\n"),
        (".tool-versions", "python\nterraform 1.0\n"),
        ("mise.toml", "tools = 3"),
        ("mise.toml", "[tools\n"),
        ("Dockerfile", "FROM scratch\nFROM debian:12\n"),
        (".devcontainer/devcontainer.json", "[" * 10_000),
        ("rust-toolchain.toml", '[toolchain]\nchannel = "stable"\n'),
    ],
)
def test_what_names_no_version_asks_for_nothing(path, text):
    assert wanted(Repository([path], {path: text}.get)) == ()


def test_a_version_file_goes_before_an_image():
    files = {".python-version": "3.11", "Dockerfile": "FROM python:3.13\n"}
    (one,) = wanted(Repository(sorted(files), files.get))
    assert (one.version, one.where) == ("3.11", ".python-version")


@pytest.mark.parametrize(
    ("version", "said", "met"),
    [
        ("3.12", "Python 3.12.4", True),
        ("3.12.1", "Python 3.12.4", False),
        ("20", "v20.11.1", True),
        ("1.22", "go version go1.22.5 linux/amd64", True),
        ("3", "no version", False),
    ],
)
def test_a_version_is_met_as_far_as_it_is_told(version, said, met):
    assert Wanted("x", version, "y").is_met_by(said) is met
