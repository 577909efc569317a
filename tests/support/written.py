"""The ways in which programs, agents and attackers write a secret down."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

# None of these is anybody's: each is made up, in the shape of its service.
SHAPED = {
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitHub, fine-grained": "github_pat_" + "1A" * 11 + "_" + "b2" * 29,
    "GitLab": "glpat-" + "x9Y_" * 5,
    "Anthropic": "sk-ant-api03-" + "q7W-" * 23 + "AA",
    "OpenAI": "sk-proj-" + "Zk3_" * 20,
    "Slack": "xoxb-123456789012-" + "abCD12" * 4,
    "AWS": "AKIA" + "QX7Z" * 4,
    "npm": "npm_" + "k8J" * 12,
    "PyPI": "pypi-AgEIcHlwaS5vcmc" + "Qx9-" * 15,
    "Google": "AIza" + "Sy3_x" * 7,
    "Damascus": "dam_" + "Rt5-" * 10 + "abc",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiIsIm4iOjF9.k3Qz_x9Y-abcdefgh12",
    "Stripe": "sk_live_" + "4eC3" * 6,
    "Hugging Face": "hf_" + "aB" * 17,
}
PRIVATE_KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n" * 3
    + "QyNTUxOQAAACBq\n"
    + "-----END OPENSSH PRIVATE KEY-----"
)


def written(secret: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each way and the secret written in it."""
    raw = secret.encode()
    yield "raw", secret
    yield "in a sentence", f"it is {secret}, they say"
    yield "URL-encoded", quote(f"a={secret}&b=c/d", safe="")
    yield "every byte URL-encoded", "".join(f"%{byte:02x}" for byte in raw)
    for shift in range(3):
        yield f"base64, shifted by {shift}", base64.b64encode(b"x" * shift + raw + b"\nyz").decode()
    yield "base64 for URLs", base64.urlsafe_b64encode(b"user:" + raw).decode()
    yield "JSON", json.dumps({"said": f"line\n{secret}\t!"})
    yield "JSON in JSON", json.dumps({"log": json.dumps({"said": f'line\n"{secret}"'})})
    yield "JSON, every letter escaped", '"' + "".join(f"\\u{ord(c):04x}" for c in secret) + '"'
    yield "inside ANSI", f"\x1b[32m{secret[:5]}\x1b[0m\x1b[1m{secret[5:]}\x1b[0m"
    yield "inside ANSI inside JSON", json.dumps(f"\x1b[32m{secret[:5]}\x1b[0m{secret[5:]}")
    yield "with an invisible letter", f"{secret[:7]}\u200b{secret[7:]}"
