"""Settings to ready objects: the only place that chooses implementations."""

from dataclasses import dataclass

import structlog

from classifier.bundle import load_bundle
from classifier.custom.catalogue import Catalogue
from classifier.custom.fit import Fitter
from classifier.custom.store import TaxonomyStore
from classifier.errors import BundleRefused
from classifier.pins import Pins
from classifier.pipeline import Pipeline, Recorder
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
        catalogue: Users' taxonomies.
        predictor: The pipeline's, with its memory of templates.
        refused: Why the model could not be loaded and the fallback answers; None if the model answers.
    """

    pipeline: Pipeline
    catalogue: Catalogue
    predictor: CachedPredictor
    refused: str | None


def build(settings: Settings, *, pins: Pins | None = None, recorder: Recorder | None = None) -> Parts:
    """Build everything from settings. A bundle that cannot be used is no error: the fallback answers, and says so.

    Args:
        settings: What to build.
        pins: What people have said; it outlives these parts. None without a store.
        recorder: Remembers what was answered; likewise.
    """
    folder = settings.bundle_dir or resource("models/standard")
    predictor: Predictor
    taxonomy: Taxonomy
    refused = explainer = fitter = None
    store = TaxonomyStore(settings.data_dir / "taxonomies")
    try:
        bundle = load_bundle(folder)
        predictor = model = OnnxPredictor(bundle, threads=settings.model_threads)
        taxonomy, explainer = bundle.taxonomy, Explainer(model, bundle)
        fitter = Fitter(bundle, store.folder / ".background")
    except BundleRefused as error:
        refused = str(error)
        predictor, taxonomy = FallbackPredictor(), standard_taxonomy()
        log.error("model_refused", reason=refused, consequence="status codes answer, nothing is suppressed")
    cached = CachedPredictor(predictor, size=settings.cache_templates)
    catalogue = Catalogue(store, taxonomy, fitter, model=cached.label)
    pipeline = Pipeline(
        cached,
        taxonomy,
        limits=settings.parse_limits,
        explainer=explainer,
        remembered=settings.cache_templates,
        catalogue=catalogue,
        pins=pins,
        recorder=recorder,
    )
    return Parts(pipeline=pipeline, catalogue=catalogue, predictor=cached, refused=refused)
