"""Backups of a whole shop, taken while it sells, and putting one back into an empty place.

It looks at databases of several services, which no service may; so it stands beside the composition root.
"""
