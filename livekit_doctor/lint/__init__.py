"""Reads the source of workers and callers, and says what in it breaks a call; nothing of it is run or imported.

`reading` makes one small tree (`syntax`) of Python, TypeScript and JavaScript; `following` finds out what a value is
and what a function does in which order; `facts` is what comes out: workers, dispatches, rooms, SIP participants, log
rows. `rules` know facts alone, and no language.
"""
