"""Text from outside made safe: `sanitize` cleans it, `redaction` takes secrets out of it.

sanitize.py   control characters, escape sequences, caps with a mark
inert.py      mentions, references and directives that no forge then obeys
shapes.py     what tokens and keys of well-known services look like
views.py      a text as its readers see it: without escapes, unescaped, percent-decoded
private_keys.py  PEM blocks, line by line
redaction.py  the one redactor: values of this installation and known shapes
streams.py    the same for text that arrives in pieces
"""
