"""What a repository says of itself: how a checkout is set up, and what probably runs its tests.

Pure: from the list of its files and their texts to proposals, the likeliest first. Whether one of
them holds is found out by running it (`phases/trial.py`).
"""

from damascus.detection.pinning import as_policy, programs
from damascus.detection.proposals import Proposal, Read, Repository, parts, proposals
from damascus.detection.wanted import Wanted, devcontainer_image, wanted

__all__ = [
    "Proposal",
    "Read",
    "Repository",
    "Wanted",
    "as_policy",
    "devcontainer_image",
    "parts",
    "programs",
    "proposals",
    "wanted",
]
