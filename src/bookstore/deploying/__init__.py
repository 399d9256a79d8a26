"""Deployments: bringing a version of the shop up where it runs, and taking it back.

It asks programs of the machine (Docker, git) and imports no service.
"""
