"""Damascus for agents: the Model Context Protocol, over stdio and below the HTTP API.

The tools are written once. They call the verbs of `damascus.backlog`: in process, where the store
is, or over the HTTP API with a token.
"""
