"""The command line: a module a command, each parses, calls and renders. Nothing here is imported
before it is needed, so that --help and --version are quick."""
