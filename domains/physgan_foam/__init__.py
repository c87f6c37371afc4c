"""Foams: bubbles that exchange gas through films, grow, vanish, and change neighbours."""
