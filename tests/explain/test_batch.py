"""Maps of several films in one pass against those of one film at a time."""

import numpy as np
import pytest

from core.explain.batch import PreparedFilm, explain_batch, fits_batch
from core.explain.method import methods
from core.explain.run import Request, explain_many
from core.image.phantom import draw
from core.image.prepare import prepare
from core.models.classifier import Classifier
from core.types import Radiograph
from tests.conftest import FINDINGS

BATCHED = sorted(name for name, method in methods.items() if fits_batch(method))


@pytest.fixture(scope="module")
def films() -> list[Radiograph]:
    """Three drawn chests."""
    return [draw(seed=seed, height=200, width=180).radiograph for seed in (1, 2, 3)]


def test_every_method_that_fits_a_batch_gives_there_what_it_gives_for_a_single_film(
    films: list[Radiograph], classifier: Classifier
) -> None:
    requests = [Request(method, finding) for method in BATCHED for finding in FINDINGS]
    prepared = [prepare(film, classifier.checkpoint.input) for film in films]

    together = explain_batch(
        classifier,
        [
            PreparedFilm(film.key, each.image.numpy(), each.placement)
            for film, each in zip(films, prepared, strict=True)
        ],
        requests,
    )

    assert {"grad-cam", "saliency", "layer-cam"} <= set(BATCHED)
    for film, batched in zip(films, together, strict=True):
        single = explain_many(classifier, film, requests)
        np.testing.assert_allclose(batched.explained.prediction.logits, single.prediction.logits, atol=1e-5)
        for mine, theirs in zip(batched.explained.maps, single.maps, strict=True):
            assert (mine.method, mine.finding, mine.placement, mine.layer) == (
                theirs.method,
                theirs.finding,
                theirs.placement,
                theirs.layer,
            )
            np.testing.assert_allclose(mine.heat, theirs.heat, atol=2e-4 * max(theirs.peak, 1e-6), err_msg=mine.method)


def test_the_features_of_a_film_are_its_last_stage_averaged_over_the_cells(
    films: list[Radiograph], classifier: Classifier
) -> None:
    prepared = prepare(films[0], classifier.checkpoint.input)

    (film,) = explain_batch(
        classifier,
        [PreparedFilm(films[0].key, prepared.image.numpy(), prepared.placement)],
        [Request("layer-activation", "covid")] if fits_batch(methods["layer-activation"]) else [],
    )

    with classifier.alone() as network:
        expected = network.features(prepared.image[None]).mean(dim=(2, 3))[0]
    np.testing.assert_allclose(film.features, expected.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_method_that_looks_at_one_film_at_a_time_is_refused(films: list[Radiograph], classifier: Classifier) -> None:
    prepared = prepare(films[0], classifier.checkpoint.input)

    with pytest.raises(ValueError, match="one film at a time"):
        explain_batch(
            classifier,
            [PreparedFilm(films[0].key, prepared.image.numpy(), prepared.placement)],
            [Request("occlusion", "covid")],
        )
