"""The pure core: observations and settings in, findings and a diagnosis out. No I/O, no clock."""
