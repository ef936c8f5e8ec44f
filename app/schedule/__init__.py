"""Periodic work: supervised, never two runs of one at a time, and by one of many workers."""
