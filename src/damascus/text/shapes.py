r"""What the tokens and keys of well-known services look like, whoever they belong to.

A shape is a few literal beginnings and an expression. The beginnings are looked for first: a text
without one costs a search for a literal, which is a hundred times cheaper than an expression. Each
place where one stands is then tried once, and no expression reads a run of characters twice, so
the time grows with the text, whatever is in it.

The field's reference for shapes is the rule set of gitleaks. Where its rules ask for an exact
length these ask for the shortest: a longer token of tomorrow is one as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from damascus.text.literals import holds
from damascus.text.mask import MASK, Span

_NOT_MASKED: Final = rf"(?!{re.escape(MASK)})"


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret: `pattern` matches at a beginning; group 1, if any, is the secret.

    `apart` asks for a character before that is no letter or digit, where the beginning is short
    enough to stand inside a word.
    """

    name: str
    begins: tuple[str, ...]
    pattern: re.Pattern[str]
    apart: bool = False


def _shape(name: str, pattern: str, *begins: str, apart: bool = False) -> Shape:
    return Shape(name, begins, re.compile(pattern, re.ASCII), apart)


SHAPES: Final = (
    _shape("GitHub token", r"gh[pousr]_[A-Za-z0-9]{36}\w*", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _shape("GitHub fine-grained token", r"github_pat_\w{22}\w*", "github_pat_"),
    _shape(
        "GitLab token",
        r"gl(?:pat|dt|ft|soat|rt|ptt|cbt|imt|agent|oas|ffct)-[\w-]{20}[\w.-]*",
        *("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "glptt-", "glcbt-", "glimt-"),
        *("glagent-", "gloas-", "glffct-"),
    ),
    _shape(
        "model provider's key",
        r"sk-(?=[A-Za-z_-]{0,40}\d)[\w-]{20}[\w-]*",
        *("sk-ant-", "sk-proj-", "sk-or-", "sk-"),
        apart=True,
    ),
    _shape(
        "Slack token",
        r"xox[abeoprs]-[\w.-]{10}[\w.-]*|xapp-[\w-]{20}[\w-]*",
        *("xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"),
    ),
    _shape(
        "Slack webhook", r"hooks\.slack\.com/\w+/([A-Za-z0-9+/]{40}[A-Za-z0-9+/]*)", "hooks.sla"
    ),
    _shape(
        "AWS access key",
        r"(?!\w{13}EXAMPLE)A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9/+=])",
        *("AKIA", "ASIA", "ABIA", "ACCA"),
        apart=True,
    ),
    _shape("npm token", r"npm_[A-Za-z0-9]{36}(?!\w)", "npm_"),
    _shape("PyPI token", r"pypi-AgEI[\w-]{50}[\w-]*", "pypi-AgEI"),
    _shape("Google API key", r"AIza[\w-]{35}(?![\w-])", "AIza", apart=True),
    _shape("Hugging Face token", r"hf_[A-Za-z0-9]{34}(?!\w)", "hf_", apart=True),
    _shape("Stripe key", r"[sr]k_(?:test|live|prod)_[A-Za-z0-9]{10}\w*", "sk_", "rk_", apart=True),
    _shape("SendGrid key", r"SG\.[\w-]{22}\.[\w-]{43}", "SG.", apart=True),
    _shape("DigitalOcean token", r"do[opr]_v1_[a-f0-9]{64}", "doo_v1_", "dop_v1_", "dor_v1_"),
    _shape("Docker token", r"dckr_[a-z]+_[\w-]{24}[\w-]*", "dckr_"),
    _shape("Vault token", r"hv[sb]\.[\w-]{24}[\w-]*", "hvs.", "hvb.", apart=True),
    _shape("age key", r"AGE-SECRET-KEY-1[A-Z0-9]{58}", "AGE-SECRET-KEY-1"),
    _shape("Damascus token", r"dam_[\w-]{43}(?![\w-])", "dam_", apart=True),
    # One try a run of characters: nothing before it may belong to the run.
    _shape("JSON web token", r"(?<![\w-])ey[\w-]{10,}\.ey[\w-]{8,}\.[\w-]{8,}", "ey", apart=True),
    _shape(
        "credentials in a URL",
        # A plain word is an example (`user:password@`), `${TOKEN}` is a name. A user alone counts
        # when it is as long as a token: `ssh://git@host` stays.
        rf"://(?:[^\s/:@\"'<>`]{{0,200}}:{_NOT_MASKED}(?![A-Za-z]{{1,15}}@|\$|\{{|%s)"
        r"([^\s/\"'<>`,()]{1,1000})|([\w.~%-]{20,500}))@",
        "://",
    ),
)
# The names of headers, without their beginnings: HTTP writes them in any case.
_NAMES: Final = ("authorization", "api-key", "private-token", "gitlab-token", "vault-token")
_VALUE: Final = r"[^\s\"',;<>\\]"
_HEADER: Final = re.compile(
    r"[a-z-]{7,13}[\"']?[ \t]{0,20}[:=][ \t]{0,20}[\"']?"
    rf"(?:(?:bearer|basic|token|digest)[ \t]{{1,20}}{_NOT_MASKED}"
    rf"(?={_VALUE}{{0,512}}\d|{_VALUE}{{20}})({_VALUE}{{8,4096}})"
    rf"|{_NOT_MASKED}(?={_VALUE}{{0,512}}\d)({_VALUE}{{16,4096}}))",
    re.IGNORECASE,
)
_LETTER: Final = re.compile(r"[A-Za-z0-9]")


def spans(text: str) -> Iterator[Span]:
    """Yield where in `text` something has one of the shapes."""
    for shape in SHAPES:
        for begin in shape.begins:
            if holds(text, begin):
                yield from _of(shape, begin, text)
    lower = text.lower()
    if len(lower) != len(text):  # a few letters are two when lowered: their places would be wrong
        lower = "".join(one.lower() if one.isascii() else one for one in text)
    for name in _NAMES:
        if not holds(lower, name):
            continue
        at = lower.find(name)
        while at >= 0:
            match = _HEADER.match(text, at)
            if match is not None:
                yield match.span(match.lastindex or 0)
            at = lower.find(name, at + len(name) if match is None else match.end())


def _of(shape: Shape, begin: str, text: str) -> Iterator[Span]:
    at = text.find(begin)
    while at >= 0:
        match = None
        if not (shape.apart and at and _LETTER.match(text, at - 1)):
            match = shape.pattern.match(text, at)
        if match is None:
            at = text.find(begin, at + len(begin))
            continue
        yield match.span(match.lastindex or 0)
        at = text.find(begin, match.end())
