"""`init`: what is there, what of it goes into checks.yaml, and the file's text.

`discover` asks LiveKit, the database and a local worker; `propose` says what they have, best
candidate first; `draft.render` writes it down with the answers of a person, or with the best ones.
"""
