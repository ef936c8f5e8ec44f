"""Prome: chat that is metered by the token. README.md shows the floors of this house and what may import what."""
