"""Damascus for agents: the Model Context Protocol, over stdio and below the HTTP API.

The tools are written once (`tools`), on a `Backlog`: either the HTTP API with a token (`over_http`)
or the store of the configured database (`over_store`).
"""
