"""What goes in and out, as pydantic models, one file a noun: the shapes of OpenAPI and its clients.

Times are ISO 8601 with their zone, money is a string of decimal digits (exact), null where nothing
could be measured; spans of time are seconds.
"""
