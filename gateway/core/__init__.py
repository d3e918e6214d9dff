"""Decisions as plain functions of values: no I/O, no clock of their own, no other room of the gateway."""
