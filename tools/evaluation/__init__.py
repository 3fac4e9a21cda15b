"""Estimates held against measured points: memory and speed, and the constants of speed that are fitted to them."""
