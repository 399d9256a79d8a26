"""Keeps sessions from ending a process on Python 3.11, whose objects have room for few attributes.

An object's attributes lie in slots that all objects of its class share the names of; who is given a name
that came too late for a slot moves into a dictionary at that moment. On 3.11 the garbage collector may begin
in the middle of that move. SQLAlchemy's `InstanceState` sets `_strong_obj`, which came too late, when a
session closes, and again when its row's object is collected: a collection in the one caused by the other
moves the same state twice, both dictionaries own the same slots, and the process ends by signal 11 soon
after. From 3.12 on the collector waits for a safe moment.
"""

from sqlalchemy.orm.state import InstanceState


def make_room_in_states() -> None:
    """Give `_strong_obj` its slot, by the first state that there is; call it before any row is loaded."""
    state: InstanceState[object] = InstanceState.__new__(InstanceState)
    state._strong_obj = None
