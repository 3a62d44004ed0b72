"""One run at a time, across machines: a lease in the database that is renewed while the run lives.

A run that dies stops renewing, and the next may begin when the lease has run out; one that cannot renew in time must
assume that another has begun, and give up.
"""

import os
import socket
import uuid
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from types import TracebackType
from typing import Self

from classifier.errors import LeaseLost, RetrainingBusy, StoreUnavailable
from classifier.store import LeaseRepository, Store

_RENEWALS = 4
"""Attempts to renew before a lease runs out."""


class Lease:
    """Held inside a `with` block.

    Args:
        store: Where leases are kept.
        name: What may be done by one at a time.
        seconds: How long it outlives a holder that dies.
    """

    def __init__(self, store: Store, name: str, *, seconds: float) -> None:
        self._store = store
        self._name = name
        self._seconds = seconds
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._until = datetime.min.replace(tzinfo=UTC)
        self._lost = False
        self._stopping = Event()
        self._thread = Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        """Take the lease.

        Raises:
            RetrainingBusy: Another holds it.
        """
        at = datetime.now(UTC)
        with self._store.session() as session:
            leases = LeaseRepository(session)
            if not leases.acquire(self._name, self.owner, seconds=self._seconds, at=at):
                holder = leases.holder(self._name, at)
                raise RetrainingBusy(
                    f"{holder.owner} is at it; its lease holds until {holder.expires_at:%H:%M:%S} UTC unless renewed"
                    if holder
                    else "another took the lease at the same moment"
                )
        self._until = at + timedelta(seconds=self._seconds)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lease back; where the database is away, it runs out by itself."""
        self._stopping.set()
        self._thread.join()
        try:
            with self._store.session() as session:
                LeaseRepository(session).release(self._name, self.owner)
        except StoreUnavailable:
            return

    def check(self) -> None:
        """Make sure that the lease is still held.

        Raises:
            LeaseLost: It is not, or nobody can tell.
        """
        if self._lost or datetime.now(UTC) >= self._until:
            raise LeaseLost(f"the lease {self._name!r} could not be renewed in time; another run may have begun")

    def _keep(self) -> None:
        while not self._stopping.wait(self._seconds / _RENEWALS):
            at = datetime.now(UTC)
            try:
                with self._store.session() as session:
                    held = LeaseRepository(session).renew(self._name, self.owner, seconds=self._seconds, at=at)
            except StoreUnavailable:
                continue
            if not held:
                self._lost = True
                return
            self._until = at + timedelta(seconds=self._seconds)
