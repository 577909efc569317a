"""Readers of what test runners report: each takes bytes or text, and gives test cases.

What they read was written by a process in which untrusted code ran: they take nothing for granted,
raise nothing, and return None for what is not a whole report.
"""
