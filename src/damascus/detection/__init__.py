"""What a repository says of itself: the commands that probably run its tests.

Pure: from the list of its files and their texts to proposals, the likeliest first. Whether one of
them holds is found out by running it (`phases/trial.py`).
"""

from damascus.detection.proposals import Proposal, Read, Repository, proposals

__all__ = ["Proposal", "Read", "Repository", "proposals"]
