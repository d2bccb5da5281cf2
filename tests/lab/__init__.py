"""The lab: real servers, workers and phones on loopback, for tests that need the real thing."""
