"""A session may close while what it has loaded is garbage, whenever the collector begins."""

import subprocess
import sys

# A process of its own, which ends by signal 11 where this goes wrong.
CLOSE_DURING_COLLECTIONS = """
import gc

import bookstore.shared.database
from sqlalchemy import ForeignKey, create_engine, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class Parcel(Base):
    __tablename__ = "parcels"
    id: Mapped[int] = mapped_column(primary_key=True)
    lines: Mapped[list["Line"]] = relationship(back_populates="parcel", lazy="selectin")

class Line(Base):
    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcels.id"))
    parcel: Mapped[Parcel] = relationship(back_populates="lines")

engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session, session.begin():
    session.execute(insert(Parcel), [{"id": number} for number in range(1, 2001)])
    session.execute(insert(Line), [{"id": number, "parcel_id": number} for number in range(1, 2001)])

closed = 0
for wait in range(100, 2100, 100):
    gc.disable()
    session = Session(engine)
    for parcel in session.scalars(select(Parcel)).all():
        assert [line.parcel for line in parcel.lines] == [parcel]
    del parcel
    # The collector begins after so many more objects, in the middle of the states that are detached.
    gc.set_threshold(gc.get_count()[0] + wait)
    gc.enable()
    session.close()
    closed += 1
gc.collect()
print(closed, "sessions closed")
"""


def test_a_session_closes_while_the_collector_takes_what_it_has_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLOSE_DURING_COLLECTIONS], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "20 sessions closed\n"), done.stderr
