"""Settings to ready objects: the only place that chooses implementations."""

from dataclasses import dataclass, replace

import structlog

from classifier.bundle import Bundle, load_bundle
from classifier.custom.catalogue import Catalogue
from classifier.custom.fit import Fitter
from classifier.custom.store import TaxonomyStore
from classifier.errors import BundleRefused, ModelNotFound
from classifier.pins import Pins
from classifier.pipeline import Pipeline, Recorder
from classifier.predict import Predictor
from classifier.predict.cache import CachedPredictor
from classifier.predict.evidence import Explainer
from classifier.predict.fallback import FallbackPredictor
from classifier.predict.onnx import OnnxPredictor
from classifier.registry import CHAMPION, ModelShelf
from classifier.resources import resource
from classifier.settings import Settings
from classifier.taxonomy import Taxonomy, standard_taxonomy

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model in memory and the bundle that it came from."""

    bundle: Bundle
    predictor: OnnxPredictor


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an entry point works with.

    Attributes:
        pipeline: Ready to classify.
        catalogue: Users' taxonomies.
        predictor: The pipeline's, with its memory of templates.
        model: What answers; None while the fallback does.
        refused: Why the model that should answer could not be loaded, and another or the fallback does; None if it does.
    """

    pipeline: Pipeline
    catalogue: Catalogue
    predictor: CachedPredictor
    model: Model | None
    refused: str | None


def build(settings: Settings, *, pins: Pins | None = None, recorder: Recorder | None = None) -> Parts:
    """Build everything from settings. A bundle that cannot be used is no error: the next best answers, and says so.

    A champion that is refused leaves the shipped model answering, and without that one the fallback does.

    Args:
        settings: What to build.
        pins: What people have said; outlives these parts, as the recorder does. None without a store.
        recorder: Remembers what was answered; None without a store.
    """
    model, refused = _first_model(settings)
    return replace(assemble(settings, model, pins=pins, recorder=recorder), refused=refused)


def _first_model(settings: Settings) -> tuple[Model | None, str | None]:
    """Return the best model that can be loaded, and why it is not the one that should answer."""
    refused = None
    if settings.bundle_dir is None:
        try:
            return load_model(settings, champion(settings)), None
        except BundleRefused as error:
            refused = str(error)
    try:
        model = load_model(settings, load_bundle(settings.bundle_dir or resource("models/standard")))
    except BundleRefused as error:
        refused = refused or str(error)
        log.error("model_refused", reason=refused, consequence="status codes answer, nothing is suppressed")
        return None, refused
    if refused:
        log.error("model_refused", reason=refused, consequence=f"{model.predictor.label} answers, as shipped")
    return model, refused


def shelf_of(settings: Settings) -> ModelShelf:
    """Return the shelf that models are promoted on."""
    return ModelShelf(settings.data_dir / "models")


def champion(settings: Settings) -> Bundle:
    """Return the bundle that should answer where none is fixed: the champion's, the shipped one while there is none.

    Raises:
        BundleRefused: It cannot be used.
    """
    shelf = shelf_of(settings)
    label = shelf.label(CHAMPION)
    try:
        return load_bundle(resource("models/standard")) if label is None else shelf.bundle(label)
    except ModelNotFound as error:
        raise BundleRefused(str(error)) from error


def load_model(settings: Settings, bundle: Bundle, like: Model | None = None) -> Model:
    """Load a checked bundle's model, beside one that is loaded already and may lend what is the same in both.

    Raises:
        BundleRefused: It cannot be loaded.
    """
    predictor = OnnxPredictor(bundle, threads=settings.model_threads, like=like.predictor if like else None)
    predictor.try_out()
    return Model(bundle=bundle, predictor=predictor)


def assemble(settings: Settings, model: Model | None, *, pins: Pins | None, recorder: Recorder | None) -> Parts:
    """Put the parts together around a model, or around the fallback (arguments: see `build`)."""
    store = TaxonomyStore(settings.data_dir / "taxonomies")
    predictor: Predictor = model.predictor if model else FallbackPredictor()
    taxonomy: Taxonomy = model.bundle.taxonomy if model else standard_taxonomy()
    cached = CachedPredictor(predictor, size=settings.cache_templates)
    fitter = Fitter(model.bundle, store.folder / ".background") if model else None
    catalogue = Catalogue(store, taxonomy, fitter, model=cached.label)
    pipeline = Pipeline(
        cached,
        taxonomy,
        limits=settings.parse_limits,
        explainer=Explainer(model.predictor, model.bundle) if model else None,
        remembered=settings.cache_templates,
        catalogue=catalogue,
        pins=pins,
        recorder=recorder,
    )
    return Parts(pipeline=pipeline, catalogue=catalogue, predictor=cached, model=model, refused=None)
