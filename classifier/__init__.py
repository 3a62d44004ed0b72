"""What a bounce means: parse, normalise, predict, decide.

The names below are the public API of the library; everything else may change without notice.
"""

from classifier.answers import to_document
from classifier.bootstrap import Parts, build
from classifier.crosswalks import Label, category_of, translate, vocabularies
from classifier.domain import (
    Action,
    Failure,
    Fault,
    Kind,
    ParseLimits,
    Permanence,
    Prediction,
    Report,
    Scope,
    Source,
    Verdict,
)
from classifier.errors import ReboundError
from classifier.normalise import NORMALISER_VERSION, normalise
from classifier.pipeline import Answer, EmailAnswer, Pipeline
from classifier.settings import Settings
from classifier.taxonomy import Category, Taxonomy, load_taxonomy, standard_taxonomy

__all__ = [
    "NORMALISER_VERSION",
    "Action",
    "Answer",
    "Category",
    "EmailAnswer",
    "Failure",
    "Fault",
    "Kind",
    "Label",
    "ParseLimits",
    "Parts",
    "Permanence",
    "Pipeline",
    "Prediction",
    "ReboundError",
    "Report",
    "Scope",
    "Settings",
    "Source",
    "Taxonomy",
    "Verdict",
    "build",
    "category_of",
    "load_taxonomy",
    "normalise",
    "standard_taxonomy",
    "to_document",
    "translate",
    "vocabularies",
]
