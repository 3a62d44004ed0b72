"""Every error that Rebound raises on purpose.

`code` is a stable contract (docs/errors.md lists each one, and a test keeps the list whole); the message is for the
person who reads it at 3 a.m. The core knows no HTTP: `api/problems.py` owns the table from code to status.
"""

from typing import ClassVar


class ReboundError(Exception):
    """Base class of all errors below.

    `retryable` answers a worker's one question: may the same bytes succeed later?
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    retry_after_s: int | None = None
    """In how many seconds it may succeed, where that is known."""


class InvalidInput(ReboundError):
    """The request or record is not of the documented form."""

    code = "invalid_input"


class MessageTooLarge(ReboundError):
    """The email or body exceeds a configured limit: bytes, parts, nesting, header fields or batch size."""

    code = "message_too_large"


class UnreadableInput(ReboundError):
    """A file or stream could not be read."""

    code = "unreadable_input"


class InvalidTaxonomy(ReboundError):
    """A taxonomy file breaks a rule; the message names the place and the rule."""

    code = "invalid_taxonomy"


class UnknownVocabulary(ReboundError):
    """There is no crosswalk of the name that was asked for; the message lists those there are."""

    code = "unknown_vocabulary"


class InvalidCrosswalk(ReboundError):
    """A crosswalk file breaks a rule; the message names the place and the rule."""

    code = "invalid_crosswalk"


class TaxonomyNotFound(ReboundError):
    """There is no published taxonomy of that name, or no such version of it, or it is not the caller's."""

    code = "taxonomy_not_found"


class Unauthorized(ReboundError):
    """API keys are configured, and the request carries none of them."""

    code = "unauthorized"


class BundleRefused(ReboundError):
    """A model bundle is missing, damaged, or made for another normaliser or taxonomy."""

    code = "bundle_refused"


class BundleOutdated(BundleRefused):
    """A model bundle is whole, but made for another version of the normaliser than this program has."""


class StoreUnavailable(ReboundError):
    """The database does not answer, or cannot carry out what was asked at this moment."""

    code = "store_unavailable"
    retryable = True


class StoreRefused(ReboundError):
    """The database's URL names none that can be used, or a newer version of Rebound made the database."""

    code = "store_refused"


class TemplateNotFound(ReboundError):
    """No template of that id is remembered; one that was seen a moment ago is within seconds."""

    code = "template_not_found"
    retryable = True


class UnknownCategory(ReboundError):
    """The taxonomy has no category of that id."""

    code = "unknown_category"


class TooManyLabels(ReboundError):
    """One person gave more labels than an hour allows."""

    code = "too_many_labels"
    retryable = True


class SecondPersonNeeded(ReboundError):
    """Whoever gave a batch may not review it."""

    code = "second_person_needed"


class PinNotFound(ReboundError):
    """No pin holds for that template."""

    code = "pin_not_found"


class BatchNotFound(ReboundError):
    """There is no batch of feedback with that number."""

    code = "batch_not_found"


class ReviewRefused(ReboundError):
    """A batch was reviewed already, or its own giver wanted to review it."""

    code = "review_refused"


class ModelNotFound(ReboundError):
    """There is no model of that name and version, or none that an alias named before."""

    code = "model_not_found"


class ModelFixed(ReboundError):
    """Which model answers is decided elsewhere: by REBOUND_BUNDLE_DIR or a tracking server."""

    code = "model_fixed"


class RegistryUnavailable(ReboundError):
    """The tracking server cannot be reached, or answers what no tracking server answers."""

    code = "registry_unavailable"
    retryable = True


class ModelConflict(ReboundError):
    """Another bundle of the same label is on the shelf: a version never changes once it was registered."""

    code = "model_conflict"


class PromotionRefused(ReboundError):
    """The gate objects to a model, or it was to be overruled without a reason."""

    code = "promotion_refused"


class RetrainingBusy(ReboundError):
    """Another run holds the lease: one run at a time, across machines."""

    code = "retraining_busy"
    retryable = True


class LeaseLost(ReboundError):
    """A run could not renew its lease in time; it gave up before it registered anything."""

    code = "lease_lost"
    retryable = True
