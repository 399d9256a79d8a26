"""Game days: something is broken on purpose while people buy, and promises are compared with what came.

Each has a hypothesis, stays within a time, cleans up after itself even when it is interrupted, and gives a
verdict.
"""
