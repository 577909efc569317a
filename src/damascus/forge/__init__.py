"""Where code and pull requests live: Gitea or Forgejo over HTTP, or a local repository."""
