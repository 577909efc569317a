"""C and C++: CMake, autotools and make. The test command builds; the set-up only configures.

A set-up that built would be kept, and the tests would run what it built instead of the checkout.
"""

from __future__ import annotations

from collections.abc import Iterator

from damascus.detection.repository import Proposal, Repository

_CTEST = (
    *("ctest", "--build-and-test", ".", "build", "--build-generator", "Unix Makefiles"),
    *("--build-noclean", "--test-command", "ctest", "--output-on-failure"),
)


def cmake(repository: Repository) -> Iterator[Proposal]:
    """ctest, which configures and builds before it tests."""
    if repository.says("CMakeLists.txt", r"enable_testing|include\(CTest\)|add_test"):
        setup = ("cmake -S . -B build -G 'Unix Makefiles'",)
        yield Proposal(_CTEST, "CMakeLists.txt has tests", setup)


def make(repository: Repository) -> Iterator[Proposal]:
    """A target of the Makefile, or of the one that `configure` makes, that says that it tests."""
    makefile = repository.has("GNUmakefile", "makefile", "Makefile")
    if makefile is None:
        yield from _autotools(repository)
        return
    for target in ("test", "tests", "check"):
        if repository.says(makefile, rf"^{target}\s*:(?!=)"):
            yield Proposal(("make", target), f"{makefile} has the target {target}")
            return


def _autotools(repository: Repository) -> Iterator[Proposal]:
    found = repository.has("configure", "configure.ac", "configure.in")
    if found is None or not repository.has("Makefile.am", "Makefile.in"):
        return
    made = {
        "configure": (),
        "configure.ac": ("autoreconf -fi",),
        "configure.in": ("autoreconf -fi",),
    }[found]
    yield Proposal(("make", "check"), f"there is a {found}", (*made, "./configure"))
