"""Settings to ready objects: the only place that chooses implementations."""

from dataclasses import dataclass

import structlog

from classifier.bundle import load_bundle
from classifier.errors import BundleRefused
from classifier.pipeline import Pipeline
from classifier.predict import Predictor
from classifier.predict.cache import CachedPredictor
from classifier.predict.evidence import Explainer
from classifier.predict.fallback import FallbackPredictor
from classifier.predict.onnx import OnnxPredictor
from classifier.resources import resource
from classifier.settings import Settings
from classifier.taxonomy import Taxonomy, standard_taxonomy

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an entry point works with.

    Attributes:
        pipeline: Ready to classify.
        refused: Why the model could not be loaded and the fallback answers; None if the model answers.
    """

    pipeline: Pipeline
    refused: str | None


def build(settings: Settings) -> Parts:
    """Build everything from settings. A bundle that cannot be used is no error: the fallback answers, and says so."""
    folder = settings.bundle_dir or resource("models/standard")
    predictor: Predictor
    taxonomy: Taxonomy
    refused = explainer = None
    try:
        bundle = load_bundle(folder)
        predictor = model = OnnxPredictor(bundle, threads=settings.model_threads)
        taxonomy, explainer = bundle.taxonomy, Explainer(model, bundle)
    except BundleRefused as error:
        refused = str(error)
        predictor, taxonomy = FallbackPredictor(), standard_taxonomy()
        log.error("model_refused", reason=refused, consequence="status codes answer, nothing is suppressed")
    cached = CachedPredictor(predictor, size=settings.cache_templates)
    pipeline = Pipeline(
        cached, taxonomy, limits=settings.parse_limits, explainer=explainer, remembered=settings.cache_templates
    )
    return Parts(pipeline=pipeline, refused=refused)
