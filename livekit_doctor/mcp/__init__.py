"""The tool for coding agents: its commands as tools of the Model Context Protocol, over standard input and output.

A tool is a command line (`tools`), which runs as a process of its own (`running`): what it answers is what the
command prints, and whatever becomes of it, the server goes on. `server` speaks the protocol.
"""
