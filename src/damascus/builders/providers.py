"""The API hosts of model providers, by the names that LiteLLM gives them.

An agent without a gateway of its own reaches these and nothing else. A host that begins with a dot
stands for all below it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from damascus.errors import ConfigurationError

_HOSTS: Final[Mapping[str, tuple[str, ...]]] = {
    "ai21": ("api.ai21.com",),
    "anthropic": ("api.anthropic.com",),
    "azure": (".openai.azure.com", ".cognitiveservices.azure.com", "login.microsoftonline.com"),
    "azure_ai": (
        ".services.ai.azure.com",
        ".models.ai.azure.com",
        ".openai.azure.com",
        "login.microsoftonline.com",
    ),
    "bedrock": (
        "bedrock-runtime.{region}.amazonaws.com",
        "bedrock.{region}.amazonaws.com",
        "sts.{region}.amazonaws.com",
        "sts.amazonaws.com",
    ),
    "cerebras": ("api.cerebras.ai",),
    "codestral": ("codestral.mistral.ai",),
    "cohere": ("api.cohere.com", "api.cohere.ai"),
    "dashscope": ("dashscope-intl.aliyuncs.com", "dashscope.aliyuncs.com"),
    "deepinfra": ("api.deepinfra.com",),
    "deepseek": ("api.deepseek.com",),
    "fireworks_ai": ("api.fireworks.ai",),
    "friendliai": ("api.friendli.ai",),
    "gemini": ("generativelanguage.googleapis.com",),
    "github": ("models.inference.ai.azure.com", "models.github.ai"),
    "groq": ("api.groq.com",),
    "huggingface": ("router.huggingface.co",),
    "hyperbolic": ("api.hyperbolic.xyz",),
    "mistral": ("api.mistral.ai",),
    "moonshot": ("api.moonshot.ai", "api.moonshot.cn"),
    "novita": ("api.novita.ai",),
    "nvidia_nim": ("integrate.api.nvidia.com",),
    "openai": ("api.openai.com",),
    "openrouter": ("openrouter.ai",),
    "perplexity": ("api.perplexity.ai",),
    "replicate": ("api.replicate.com",),
    "sagemaker": ("runtime.sagemaker.{region}.amazonaws.com", "sts.{region}.amazonaws.com"),
    "sambanova": ("api.sambanova.ai",),
    "together_ai": ("api.together.ai", "api.together.xyz"),
    "vertex_ai": (
        "{region}-aiplatform.googleapis.com",
        "aiplatform.googleapis.com",
        "oauth2.googleapis.com",
    ),
    "volcengine": ("ark.cn-beijing.volces.com",),
    "watsonx": ("{region}.ml.cloud.ibm.com", "iam.cloud.ibm.com"),
    "xai": ("api.x.ai",),
}
_ALSO: Final = {
    "anthropic_text": "anthropic",
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "google": "gemini",
    "sagemaker_chat": "sagemaker",
    "text-completion-openai": "openai",
    "vertex_ai_beta": "vertex_ai",
    "watsonx_text": "watsonx",
}
# LiteLLM knows these models without their provider's name.
_BY_MODEL: Final = (
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"(?:gpt|chatgpt|codex|o\d)(?:-|$)"), "openai"),
    (re.compile(r"gemini"), "vertex_ai"),
    (re.compile(r"command-"), "cohere"),
)
_AWS: Final = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
_REGIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "bedrock": _AWS,
    "sagemaker": _AWS,
    "vertex_ai": ("VERTEXAI_LOCATION", "VERTEX_LOCATION"),
    "watsonx": ("WATSONX_REGION",),
}
_IN_MODEL: Final = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")  # bedrock/eu-central-1/anthropic.claude…
_REGION: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?")


def hosts_of_model(
    model: str, *, region: str | None, variables: Mapping[str, str]
) -> tuple[str, ...]:
    """The hosts that a model is asked at, by LiteLLM's name for it.

    `region` is the configured one; without it, the model's name and then the provider's own
    `variables` are asked. Raises ConfigurationError when the hosts are not known.
    """
    provider = provider_of(model)
    hosts = _HOSTS.get(provider)
    if hosts is None:
        asked = f"the model {model[:80]!r}" if model else "the agent's model"
        raise ConfigurationError(
            f"it is not known at which hosts {asked} is asked: set the agent's base URL, name the "
            "hosts for the project (--agent-host HOST), or say DAMASCUS_AGENT_NETWORK=all"
        )
    if not any("{region}" in host for host in hosts):
        return hosts
    named = next((part for part in model.split("/")[1:] if _IN_MODEL.fullmatch(part)), None)
    told = (variables.get(name) for name in _REGIONS[provider])
    found = region or named or next(filter(None, told), None)
    if not found or not _REGION.fullmatch(found):
        raise ConfigurationError(
            f"the model {model[:80]!r} is asked in a region: set DAMASCUS_AGENT_REGION, such as "
            "eu-central-1"
        )
    return tuple(host.format(region=found) for host in hosts)


def provider_of(model: str) -> str:
    """LiteLLM's name of the provider of a model; "" when the model's name does not say it."""
    named, slash, _ = model.partition("/")
    if slash:
        return _ALSO.get(named, named)
    return next((name for pattern, name in _BY_MODEL if pattern.match(model)), "")
