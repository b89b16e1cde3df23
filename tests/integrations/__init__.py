"""Tests of the interfaces of other tools."""
