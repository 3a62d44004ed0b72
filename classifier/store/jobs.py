"""Who may run what only one may run at a time, and what became of each run."""

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from classifier.store.sql import change, insert_into
from classifier.store.tables import JobRunRow, LeaseRow
from classifier.store.words import masked

RUNNING, DONE, FAILED, INTERRUPTED = "running", "done", "failed", "interrupted"


class LeaseRepository:
    """Leases: whoever holds one renews it before it runs out, or another may take it. Never commits.

    A lease holds for others once the transaction that acquired it has committed. Times are the callers' clocks: leases
    should last far longer than the clocks of the machines differ.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def acquire(self, name: str, owner: str, *, seconds: float, at: datetime) -> bool:
        """Take a lease that is free, has run out or is one's own; return whether it is one's own now.

        Args:
            name: What may be done by one at a time.
            owner: Who asks; distinct for each process and run.
            seconds: How long it holds unless renewed.
            at: Now, UTC.
        """
        insert = insert_into(self._session, LeaseRow).values(
            name=name, owner=owner, expires_at=at + timedelta(seconds=seconds)
        )
        taken = insert.on_conflict_do_update(
            index_elements=["name"],
            set_={"owner": insert.excluded.owner, "expires_at": insert.excluded.expires_at},
            where=or_(LeaseRow.expires_at <= at, LeaseRow.owner == owner),
        ).returning(LeaseRow.owner)
        return self._session.scalars(taken).first() is not None

    def renew(self, name: str, owner: str, *, seconds: float, at: datetime) -> bool:
        """Hold one's lease longer; False if another has taken it meanwhile."""
        mine = update(LeaseRow).where(LeaseRow.name == name, LeaseRow.owner == owner)
        return change(self._session, mine.values(expires_at=at + timedelta(seconds=seconds))) == 1

    def release(self, name: str, owner: str) -> None:
        """Give one's lease back; another's is left alone."""
        self._session.execute(delete(LeaseRow).where(LeaseRow.name == name, LeaseRow.owner == owner))

    def holder(self, name: str, at: datetime) -> LeaseRow | None:
        """Return the lease as it is held at a time; None if it is free."""
        return self._session.scalars(select(LeaseRow).where(LeaseRow.name == name, LeaseRow.expires_at > at)).first()


class JobRepository:
    """Runs of the retraining job. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def start(self, *, profile: str, cause: str, owner: str, labels_until: int, at: datetime) -> JobRunRow:
        """Note that a run begins."""
        run = JobRunRow(
            profile=profile, cause=cause, owner=owner, state=RUNNING, labels_until=labels_until, started_at=at
        )
        self._session.add(run)
        self._session.flush()
        return run

    def finish(self, run_id: int, *, model: str | None, at: datetime) -> None:
        """Note that a run is done, and which model it made."""
        self._end(run_id, state=DONE, model=model, error=None, at=at)

    def fail(self, run_id: int, *, error: str, at: datetime) -> None:
        """Note that a run failed, and why; addresses in the words are masked."""
        self._end(run_id, state=FAILED, model=None, error=masked(error, 500), at=at)

    def interrupt(self, run_id: int, *, at: datetime) -> None:
        """Note of one run that it ended before it was done, for somebody or another run wanted so."""
        self._end(run_id, state=INTERRUPTED, model=None, error=None, at=at)

    def mark_interrupted(self, at: datetime) -> int:
        """Note of all runs that seem to go on that they were interrupted; return how many.

        Only whoever holds the lease may ask for it, before starting a run: then none of them goes on.
        """
        ended = update(JobRunRow).where(JobRunRow.state == RUNNING).values(state=INTERRUPTED, finished_at=at)
        return change(self._session, ended)

    def last_done(self, profile: str | None = None) -> JobRunRow | None:
        """Return the run that was done last, of one profile or any; None if there is none."""
        query = select(JobRunRow).where(JobRunRow.state == DONE).order_by(JobRunRow.id.desc()).limit(1)
        return self._session.scalars(query.where(JobRunRow.profile == profile) if profile else query).first()

    def list(self, limit: int = 50) -> list[JobRunRow]:
        """Return runs, the newest first."""
        return [*self._session.scalars(select(JobRunRow).order_by(JobRunRow.id.desc()).limit(limit))]

    def _end(self, run_id: int, *, state: str, model: str | None, error: str | None, at: datetime) -> None:
        # A run that another found interrupted stays so, whatever it does later.
        ended = (
            update(JobRunRow)
            .where(JobRunRow.id == run_id, JobRunRow.state == RUNNING)
            .values(state=state, model=model, error=error, finished_at=at)
        )
        self._session.execute(ended)
