"""Damascus carries a backlog of stories, unattended, through spec, build, review and merge."""

__version__ = "0.1.0"
