"""The account's live channel: what changed about me, in every open tab.

An event says how things are now, not what was done, so a tab that was away has missed nothing once it hears the next.
"""
