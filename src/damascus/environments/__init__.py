"""What a project's commands need beside its checkout: variables, and what its set-up makes."""
