"""The installation's certificate bundle, by every name under which a tool looks for one.

Where packages come through a proxy that signs for their hosts, the worker's own variables name the
bundle, and nothing else does inside a sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

NAMES: Final = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
)
_JVM: Final = "JAVA_TOOL_OPTIONS"
_JVM_WORD: Final = "-Djavax.net.ssl."


def certificate_variables(worker: Mapping[str, str]) -> dict[str, str]:
    """Variables that lead tools to the bundle of the worker's own; empty where it has none.

    What the worker says under a name is kept; a name it leaves out gets the first bundle there is.
    Of its options for a JVM those about certificates are kept.
    """
    said = {name: worker[name] for name in NAMES if _is_file(worker.get(name))}
    first = next(iter(said.values()), None)
    found = {} if first is None else {name: said.get(name, first) for name in NAMES}
    options = [word for word in worker.get(_JVM, "").split() if word.startswith(_JVM_WORD)]
    if options:
        found[_JVM] = " ".join(options)
    return found


def bundles(variables: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that those variables name, which a sandbox must show."""
    named = [variables[name] for name in NAMES if name in variables]
    options = (word.partition("=")[2] for word in variables.get(_JVM, "").split())
    stores = [value for value in options if value.startswith("/")]
    return tuple(dict.fromkeys(Path(name) for name in (*named, *stores)))


def _is_file(name: str | None) -> bool:
    return name is not None and Path(name).is_absolute() and Path(name).is_file()
