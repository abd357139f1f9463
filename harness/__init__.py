"""Whiteout Lab: the reproduction and diagnostics harness for container overlays."""

__version__ = "0.1.0"
