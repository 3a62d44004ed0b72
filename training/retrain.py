"""The periodic job, told once: what people said goes in; a better model comes out, or the reasons why it did not.

    lease -> labels -> anything new? -> corpus + feedback -> learn -> calibrate -> gate -> register -> promote?

Everything is made in a scratch folder and registered at the end, so an interrupted run leaves the champion as it is, and
the next one starts from the beginning. Why it learns on from the champion: docs/adr/0006-learning-on-behind-a-gate.md.
"""

import logging
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from classifier.bundle import Bundle
from classifier.errors import LeaseLost, ReboundError
from classifier.registry import CHALLENGER
from classifier.settings import Settings
from classifier.store import JobRepository, ModelRepository, Store, open_store
from training import findings as gate_findings
from training.books import Books, adopt, answering, books_of, catch_up, register, serving
from training.cause import Cause, why_run
from training.findings import Findings, judged
from training.gate import GateRules
from training.lease import Lease
from training.leaving import Leaving
from training.lesson import Lesson
from training.prepare import agreed_feedback, labels_taken, lesson_of, next_version
from training.profiles import RESTARTING, learn
from training.promote import Promotion, movable, promote
from training.registry import RunRecord
from training.sources import Sources
from training.week import last_week

log = logging.getLogger("rebound.train")

LEASE = "retraining"
SCRATCH = "retraining"
"""Folder in REBOUND_DATA_DIR; each run has one of its own in it."""
LEASE_SECONDS = 120.0
State = Literal["not needed", "nothing new", "registered", "promoted"]


@dataclass(frozen=True, kw_only=True)
class RetrainJob:
    """One run, as it was asked for.

    Attributes:
        settings: Where everything lies.
        profile: See `training.profiles`.
        cause: Who or what asked: "hand", "schedule", "labels", "drift".
        if_needed: Run only where enough new labels or a drift alarm ask for it.
        force: Run even where nobody said anything new.
        promote: Promote the challenger if the gate has no objection.
        keep_pins: Pins that a promoted model has learned stay.
        leaving: Labels that are left out, as if they had never been given, beside those that the champion leaves out.
        all_labels: Let labels count again that the champion leaves out.
        sources: Files to learn from and to be judged by.
        rules: Of the gate.
        version: Of the new model; None takes the next free number.
        seed: Of everything random.
        progress: Whether to draw progress bars.
        lease_seconds: How long a run that died keeps others waiting.
    """

    settings: Settings
    profile: str = "full"
    cause: Cause = "hand"
    if_needed: bool = False
    force: bool = False
    promote: bool = False
    keep_pins: bool = False
    leaving: Leaving = field(default_factory=Leaving)
    all_labels: bool = False
    sources: Sources = field(default_factory=Sources)
    rules: GateRules = field(default_factory=GateRules)
    version: str | None = None
    seed: int = 20_260
    progress: bool = False
    lease_seconds: float = LEASE_SECONDS


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run.

    Attributes:
        state: What it ended in.
        reason: Why it ran, or did not, in words.
        model: Label of the new model; None where none was made.
        bundle: Its folder on the shelf.
        findings: What the gate saw; None where no model was made.
        promotion: What the promotion did; None without one.
        seconds: How long it took.
    """

    state: State
    reason: str
    model: str | None = None
    bundle: Path | None = None
    findings: Findings | None = None
    promotion: Promotion | None = None
    seconds: float = 0.0

    @property
    def objections(self) -> list[str]:
        """The gate's."""
        return self.findings.objections if self.findings else []


def retrain(job: RetrainJob) -> Outcome:
    """Run the job once.

    Raises:
        RetrainingBusy: Another run is at it.
        LeaseLost: This run could not renew its lease; nothing was registered since.
        StoreUnavailable, StoreRefused, RegistryUnavailable: Nothing was begun, or nothing registered.
        BundleRefused: The model to learn on from cannot be used.
        ModelFixed: The challenger was to be promoted, but REBOUND_BUNDLE_DIR names the model that answers.
    """
    started = time.monotonic()
    if job.promote:
        movable(job.settings)
    store = open_store(job.settings.store_url)
    try:
        with Lease(store, LEASE, seconds=job.lease_seconds) as lease:
            outcome = _Run(job=job, store=store, books=books_of(job.settings, store), lease=lease).told()
        return replace(outcome, seconds=round(time.monotonic() - started, 1))
    finally:
        store.close()


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A run that holds the lease."""

    job: RetrainJob
    store: Store
    books: Books
    lease: Lease

    def told(self) -> Outcome:
        began = _now()
        self._clear()
        catch_up(self.job.settings, self.books)
        champion = serving(self.job.settings)
        adopted = adopt(self.books, champion)
        # Whom a person left out once stays out; but the champion has not learnt from them, so it may be learnt on from.
        leaving = self.job.leaving.also({} if self.job.all_labels else adopted.figures.get("leaving", {}))
        lesson = lesson_of(
            champion, agreed_feedback(self.store, champion, leaving, self.job.sources),
            sources=self.job.sources, leaving=self.job.leaving, traffic=last_week(self.store), out=self._scratch / "bundle",
            version=self.job.version or next_version(self.job.profile, champion, labels_taken(self.books)),
            seed=self.job.seed, progress=self.job.progress,
        )  # fmt: skip
        with self.store.reading() as session:
            cause, reason = why_run(
                session, self.job.settings, adopted, ModelRepository(session).list(), lesson.feedback, leaving,
                profile=self.job.profile, cause=self.job.cause, if_needed=self.job.if_needed, force=self._forced,
            )  # fmt: skip
        if cause is None:
            return Outcome(state="not needed" if self.job.if_needed else "nothing new", reason=reason)
        log.info("profile %s, %s", self.job.profile, reason)
        return self._noted(champion, lesson, leaving, cause, reason, began)

    @property
    def _forced(self) -> bool:
        # Whoever leaves labels out, or begins from the base, does not ask for news.
        return self.job.force or bool(self.job.leaving) or self.job.profile in RESTARTING

    @property
    def _scratch(self) -> Path:
        # Of its own: a run that lost its lease clears up while the next one writes.
        return self.job.settings.data_dir / SCRATCH / self.lease.owner.replace(":", "-")

    def _tidy(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)
        with suppress(OSError):  # another run's scratch lies there, or this one wrote none
            self._scratch.parent.rmdir()

    def _clear(self) -> None:
        """Remove what a run that died left behind; whoever holds the lease knows that it is dead."""
        self.books.registry.check()
        shutil.rmtree(self._scratch.parent, ignore_errors=True)
        with self.store.session() as session:
            if died := JobRepository(session).mark_interrupted(_now()):
                log.warning("interrupted runs found: %d; they left nothing behind", died)
        self.books.registry.close_interrupted()

    def _noted(
        self, champion: Bundle, lesson: Lesson, leaving: Leaving, cause: Cause, reason: str, began: datetime
    ) -> Outcome:
        """Learn, and note in the store that it goes on and how it ends.

        `began` is earlier than the labels were read: what is let in out of quarantine meanwhile is news to the next run.
        """
        until = lesson.feedback.labels_until
        with self.store.session() as session:
            run = JobRepository(session).start(
                profile=self.job.profile, cause=cause, owner=self.lease.owner, labels_until=until, at=began
            )
        try:
            outcome = self._learnt(champion, lesson, leaving, reason)
        except BaseException as error:
            self._ended_early(run.id, error)
            raise
        finally:
            self._tidy()
        with self.store.session() as session:
            JobRepository(session).finish(run.id, model=outcome.model, at=_now())
        self._make_room()
        return outcome

    def _make_room(self) -> None:
        try:
            gone = self.books.shelf.prune(self.job.settings.kept_models, spare=self.job.settings.bundle_dir)
        except (OSError, ReboundError) as error:  # the run is over and well; room can be made another time
            log.warning("no old model could be removed from %s: %s", self.books.shelf.folder, error)
            return
        if gone:
            log.info("old models removed from %s: %s", self.books.shelf.folder, ", ".join(gone))

    def _learnt(self, champion: Bundle, lesson: Lesson, leaving: Leaving, reason: str) -> Outcome:
        started = time.monotonic()
        bundle = learn(self.job.profile, lesson, self.job.sources)
        log.info("%s learnt in %.0f s", bundle.manifest.label, time.monotonic() - started)
        found = judged(
            champion, bundle, sets=self.job.sources.frozen(), feedback=lesson.feedback, traffic=last_week(self.store),
            rules=self.job.rules,
        )  # fmt: skip
        for sentence in found.objections:
            log.warning("the gate objects: %s", sentence)
        self.lease.check()
        label = self._registered(champion, bundle, lesson, leaving, found, round(time.monotonic() - started, 1))
        self.books.shelf.point(CHALLENGER, label, why=f"{self.job.profile}: {reason}")
        made = Outcome(
            state="registered", reason=reason, model=label, bundle=self.books.shelf.path(label), findings=found
        )
        if not self.job.promote or found.objections or self._overtaken(champion):
            return made
        self.lease.check()
        done = promote(self.job.settings, self.books, label, by="the periodic job", keep_pins=self.job.keep_pins)
        return replace(made, state="promoted", promotion=done)

    def _overtaken(self, champion: Bundle) -> bool:
        """Whether a person moved the champion meanwhile, by promotion or roll-back: their word is newer than the run's start."""
        catch_up(self.job.settings, self.books)
        now = answering(self.books)
        if now == champion.manifest.label:
            return False
        log.warning("another model answers since, %s: not promoted, for the gate has not seen it", now)
        return True

    def _registered(
        self, champion: Bundle, bundle: Bundle, lesson: Lesson, leaving: Leaving, found: Findings, seconds: float
    ) -> str:
        from training import report  # noqa: PLC0415 - matplotlib takes a second to import

        folder = self._scratch / "report"
        report.write(bundle, folder, dict(self.job.sources.tests))
        gate_findings.write(found, folder)
        training = bundle.manifest.training
        run = RunRecord(
            name=bundle.manifest.label,
            parameters={
                "profile": self.job.profile, "start": training.get("start", "base"), "seed": self.job.seed,
                "rows": training["rows"], "labels": len(lesson.feedback.rows), "labels_until": lesson.feedback.labels_until,
                "without_sources": ",".join(leaving.sources), "without_who": ",".join(leaving.who),
                "git_revision": training["git_revision"],
            },
            figures=found.metrics() | {"seconds": seconds},
            data={**training["data_sha256"], "labels": lesson.feedback.sha256},
            report=folder,
            objections=found.objections,
        )  # fmt: skip
        known = {"labels_sha256": lesson.feedback.sha256, "profile": self.job.profile, "start": champion.manifest.label}
        return register(
            self.books, bundle, run, state=CHALLENGER, labels_until=lesson.feedback.labels_until,
            figures=found.to_dict() | known | {"seconds": seconds, "leaving": leaving.to_dict()},
        )  # fmt: skip

    def _ended_early(self, run_id: int, error: BaseException) -> None:
        """Note why a run ended early; where even that fails, the next run finds it interrupted."""
        try:
            with self.store.session() as session:
                if isinstance(error, Exception) and not isinstance(error, LeaseLost):
                    JobRepository(session).fail(run_id, error=f"{type(error).__name__}: {error}", at=_now())
                else:  # told to stop, or another took the lease, whose own run goes on
                    JobRepository(session).interrupt(run_id, at=_now())
        except ReboundError as second:
            log.error("the run's end is not noted: %s", second)


def _now() -> datetime:
    return datetime.now(UTC)
