"""Adopting the data of the original BookStore, a student's monolith, into this shop.

It writes into the databases of all services, through each one's own use cases; so it stands beside the
composition root. What is done about each kind of damage is listed in docs/moving.md.
"""
