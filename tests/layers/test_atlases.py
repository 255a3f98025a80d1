"""The atlas: of a planted unit with values known by hand, resumed, and refused for other weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import BadData, BadSetting, Stopped, UnknownName, UnreadableFile
from core.image.prepare import prepare
from core.layers import atlas_survey, atlases, unit_statistics
from core.layers.activations import stage_activations
from core.layers.atlas_survey import build
from core.layers.atlases import Atlas, NearUnit, UnitDescription, read
from core.layers.patches import patch, store
from core.layers.reference import ReferenceFilm, ReferenceSet, from_data, phantoms, some
from core.models.classifier import Classifier
from core.types import Radiograph
from core.work import Work
from tests.evaluate import drawn
from tests.layers import planted

_CORNERS = ((9, 13), (3, 3), (21, 25), (15, 5))


def _films(count: int = 20) -> ReferenceSet:
    """Every fifth film has a square, two where its number is ten."""
    return ReferenceSet("squares", tuple(_film(number) for number in range(count)))


def _film(number: int) -> ReferenceFilm:
    if number % 5:
        return ReferenceFilm(f"film {number}", lambda: planted.film(number), ("nothing",))
    squares = [_CORNERS[number // 5 % 4]] + ([(27, 3)] if number == 10 else [])
    return ReferenceFilm(f"film {number}", lambda: planted.film(number, squares=squares), ("square",))


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return build(planted.classifier(), _films(), tmp_path_factory.mktemp("atlas"), top=3, every=1)


def test_the_planted_unit_comes_first_for_its_finding(atlas: Atlas) -> None:
    for stage in ("stage 1", "stage 2"):
        assert atlas.ranked("square", stage=stage)[0] == (stage, planted.UNIT)
        assert atlas.ranked("square", by="auc", stage=stage)[0] == (stage, planted.UNIT)
        unit = atlas.unit(stage, planted.UNIT)
        assert unit.auc == {"square": 1.0, "nothing": 0.0}
        gain = planted.WEIGHT / 4 / 256  # a square's, in logits; five lie on four films
        assert unit.speaks["square"] == pytest.approx(gain * 5 / (20 if stage == "stage 2" else 4))
        assert all(atlas.unit(stage, other).speaks["square"] == 0 for other in range(5) if other != planted.UNIT)


def test_its_films_are_those_with_the_pattern_and_the_place_is_where_it_lies(atlas: Atlas) -> None:
    unit = atlas.unit("stage 1", planted.UNIT)

    assert len(unit.exciting) == 3
    for seen in (*unit.exciting, *unit.relevant):
        number = int(seen.film.split()[1])
        assert number % 5 == 0
        assert seen.finding == "square"
        corners = {_CORNERS[number // 5 % 4], (27, 3)}
        assert ((seen.row * 2 - 1), (seen.column * 2 - 1)) in corners  # stride 2, padding 1
    assert [seen.value for seen in unit.exciting] == sorted((seen.value for seen in unit.exciting), reverse=True)
    assert unit.relevant[0].film == "film 10"  # two squares


def test_the_figures_of_a_unit_are_those_of_its_activations(atlas: Atlas) -> None:
    network = planted.classifier()
    values = [stage_activations(network, film.open(), "stage 1", findings=["square"]) for film in _films().films]
    maxima = np.array([each.maps[0].max() for each in values])
    unit = atlas.unit("stage 1", 0)

    assert unit.mean == pytest.approx(np.mean([each.means[0] for each in values]), rel=1e-5)
    assert atlas.usual["stage 1"][0] == np.float32(unit.mean)
    assert (unit.least, unit.most) == (maxima.min(), maxima.max())
    assert unit.quantiles == pytest.approx(
        {level: np.quantile(maxima, level) for level in unit_statistics.LEVELS}, rel=1e-5
    )
    order = np.argsort(-maxima)[:3]
    assert [seen.film for seen in unit.exciting] == [f"film {number}" for number in order]


def test_what_the_file_says_of_itself(atlas: Atlas) -> None:
    metadata = atlas.metadata

    assert (metadata["checkpoint"], metadata["films"], metadata["relevant"], metadata["sample"]) == (
        "planted",
        20,
        20,
        20,
    )
    assert (metadata["rank_error"], metadata["skipped"], metadata["drawn"], metadata["size"]) == (0, 0, False, 32)
    assert (atlas.stages, atlas.shape("stage 1")) == (("stage 1", "stage 2"), (5, 16, 16))
    field = atlas.field("stage 2")
    assert field is not None
    assert (field.rows.size, field.rows.jump) == (6, 4)


def test_a_killed_pass_goes_on_and_ends_with_the_same_atlas(atlas: Atlas, tmp_path: Path) -> None:
    work = Work(tell=lambda done, total: work.cancel() if done >= 8 else None)
    with pytest.raises(Stopped, match="cancelled"):
        build(planted.classifier(), _films(), tmp_path, top=3, every=1, work=work)
    assert [file.name for file in tmp_path.iterdir()] == ["atlas.part.npz"]

    opened: list[str] = []

    def counted(film: ReferenceFilm) -> ReferenceFilm:
        def open_it() -> Radiograph:
            opened.append(film.name)
            return film.open()

        return replace(film, open=open_it)

    films = ReferenceSet("squares", tuple(map(counted, _films().films)))
    result = build(planted.classifier(), films, tmp_path, top=3, every=1, save_every=0)

    assert len(opened) == 20 - 8  # one block was done
    assert result.table.equals(atlas.table)
    assert result.metadata == atlas.metadata
    assert [file.name for file in tmp_path.iterdir()] == ["atlas.parquet"]
    build(planted.classifier(), films, tmp_path, top=3, every=1)
    assert len(opened) == 12  # it already existed


def test_the_inner_stages_relevance_can_rest_on_fewer_films(atlas: Atlas, tmp_path: Path) -> None:
    result = build(planted.classifier(), _films(), tmp_path / "half", top=3, every=2)
    none = build(planted.classifier(), _films(), tmp_path / "none", top=3, every=0)

    assert (result.metadata["relevant"], none.metadata["relevant"]) == (
        12,
        0,
    )  # the first and the third block, of 8 and 4
    assert none.unit("stage 1", planted.UNIT).relevant == ()
    assert np.isnan(none.unit("stage 1", planted.UNIT).speaks["square"])
    for each in (result, none):
        assert each.unit("stage 2", planted.UNIT).speaks == pytest.approx(atlas.unit("stage 2", planted.UNIT).speaks)


def test_an_atlas_of_other_weights_is_refused_and_left_as_it_is(atlas: Atlas) -> None:
    other = Classifier(replace(planted.classifier().checkpoint, name="another", sha256="f" * 64), planted.network())
    before = (atlas.folder / atlases.FILE).read_bytes()
    sentence = r"belongs to other weights \(planted, SHA-256 planted…\), not to another \(ffffffffffff…\)"

    with pytest.raises(BadData, match=sentence):
        read(atlas.folder, other.checkpoint)
    with pytest.raises(BadData, match=sentence):
        build(other, _films(), atlas.folder, top=3, every=1)
    with pytest.raises(BadData, match=r"over other films or with other settings"):
        build(planted.classifier(), _films(15), atlas.folder, top=3, every=1)
    assert (atlas.folder / atlases.FILE).read_bytes() == before


def test_a_state_of_other_weights_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    work = Work(tell=lambda done, total: work.cancel() if done >= 8 else None)
    with pytest.raises(Stopped, match="cancelled"):
        build(planted.classifier(), _films(), tmp_path, work=work)
    before = (tmp_path / "atlas.part.npz").read_bytes()
    other = Classifier(replace(planted.classifier().checkpoint, sha256="other"), planted.network())

    with pytest.raises(BadData, match="belongs to other weights"):
        build(other, _films(), tmp_path)
    assert (tmp_path / "atlas.part.npz").read_bytes() == before


def test_what_is_no_atlas_is_reported(tmp_path: Path) -> None:
    card = planted.classifier().checkpoint
    with pytest.raises(BadData, match=r"There is no atlas .*atlas.parquet. Build one"):
        read(tmp_path, card)
    (tmp_path / "atlas.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(BadData, match=r"is not an atlas of Lightbox, or was cut short"):
        read(tmp_path, card)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "atlas.part.npz").write_bytes(b"no zip")
    with pytest.raises(BadData, match=r"is not the state of an atlas"):
        build(planted.classifier(), _films(), tmp_path / "state")


def test_a_unit_stage_or_finding_that_is_not_there_is_reported(atlas: Atlas) -> None:
    with pytest.raises(BadSetting, match="stage 1 has no unit 5; it has units 0 to 4"):
        atlas.unit("stage 1", 5)
    with pytest.raises(UnknownName, match="no stage in the atlas named 'stage 3'"):
        atlas.unit("stage 3", 0)
    with pytest.raises(UnknownName, match=r"no finding named 'sqare'. Did you mean 'square'"):
        atlas.ranked("sqare")


def test_films_that_cannot_be_read_are_passed_over_and_named(tmp_path: Path) -> None:
    def broken() -> Radiograph:
        raise UnreadableFile("It is cut short.")

    films = ReferenceSet("some", (*_films(5).films, ReferenceFilm("broken", broken, ("square",))))
    result = build(planted.classifier(), films, tmp_path / "some")
    assert (result.films, result.metadata["skipped_first"]) == (5, [["broken", "It is cut short."]])

    with pytest.raises(BadData, match="None of the 1 films can be read; broken: It is cut short"):
        build(planted.classifier(), ReferenceSet("one", films.films[-1:]), tmp_path / "none")


def test_beyond_the_sample_quantiles_rest_on_the_first_films_and_the_error_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_statistics, "SAMPLE", 8)
    monkeypatch.setattr(atlas_survey, "SAMPLE", 8)
    result = build(planted.classifier(), _films(), tmp_path)

    assert (result.films, result.metadata["sample"]) == (20, 8)
    assert result.metadata["rank_error"] == pytest.approx(np.sqrt(np.log(40) / 16))


def test_relevance_is_activation_times_gradient_at_every_stage(classifier: Classifier, phantom: Radiograph) -> None:
    image = prepare(phantom, classifier.checkpoint.input).image[None]
    finding = classifier.predict(phantom).likeliest[0]
    with classifier.alone() as network:
        logits = atlas_survey.answers(network, image, inner=True)

    start = 0
    for stage in ("stem", "stage 1", "stage 2", "stage 3", "stage 4"):
        expected = stage_activations(classifier, phantom, stage, findings=[finding])
        units = slice(start, start + len(expected.maps))
        assert logits.relevance[0, units] == pytest.approx(expected.relevance[finding], rel=1e-3, abs=1e-5)
        assert logits.mean[0, units] == pytest.approx(expected.means, rel=1e-4, abs=1e-6)
        start = units.stop
    assert logits.last[0, logits.likeliest[0]] == pytest.approx(logits.relevance[0, -1024:])


def test_pictures_give_the_patch_inside_the_receptive_field(atlas: Atlas) -> None:
    unit = atlas.unit("stage 1", planted.UNIT)
    assert patch(atlas, "stage 1", unit.exciting[0]) is None

    count = store(atlas, _films(), planted.classifier().checkpoint)

    assert count == len(list((atlas.folder / "pictures").iterdir())) > 3
    for seen in unit.exciting:
        crop = patch(atlas, "stage 1", seen)
        assert crop is not None
        assert crop.shape == (4, 4)
        assert crop.min() > 200  # the square, through lossy WebP
    deep = patch(atlas, "stage 2", atlas.unit("stage 2", planted.UNIT).exciting[0])
    assert deep is not None
    assert deep.shape == (6, 6)


def test_phantoms_are_the_same_each_time_and_every_other_has_an_opacity() -> None:
    films = phantoms(6)
    first = films.films[1].open()

    assert films.drawn
    assert [film.labels for film in films.films] == [(), ("opacity",)] * 3
    assert first.key == phantoms(2).films[1].open().key
    assert first.drawn


def test_a_table_brings_labels_and_a_folder_none(tmp_path: Path) -> None:
    manifest = drawn.write(tmp_path, 4)
    table = from_data(manifest)
    assert {label for film in table.films for label in film.labels or ()} <= {"covid", "pneumonia", "normal"}
    with pytest.raises(BadData, match="no film in split 'tset'; its splits: "):
        from_data(manifest, split="tset")
    folder = from_data(tmp_path)
    assert len(folder.films) >= 4
    assert all(film.labels is None for film in folder.films)
    assert some(folder, 2).description == f"2 of {tmp_path.name}"
    with pytest.raises(BadData, match="has no table and so no split"):
        from_data(tmp_path, split="test")
    with pytest.raises(BadData, match=r"There is no folder .*nope\. Give one that holds films, or a CSV table"):
        from_data(tmp_path / "nope")
    with pytest.raises(BadData, match=r"There is no nope\.csv in "):
        from_data(tmp_path / "nope.csv")


def test_labels_that_nobody_knows_give_no_area() -> None:
    maxima, truth = torch.rand(4, 2).numpy(), np.array([[1, 0], [0, 0], [-1, -1], [1, 0]])
    areas = unit_statistics.aucs(maxima, truth)

    order = maxima[[0, 3]][:, None] > maxima[1]
    assert areas[:, 0].tolist() == order[:, 0].mean(axis=0).tolist()
    assert np.isnan(areas[:, 1]).all()


def test_the_nearest_units_are_those_of_numpys_correlations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_statistics, "_BLOCK", 4)  # several blocks, the last one not full
    chance = np.random.default_rng(0)
    maxima = (chance.normal(size=(60, 3)) @ chance.normal(size=(3, 19)) + chance.normal(size=(60, 19))).astype(
        np.float32
    )
    expected = np.where(np.eye(19, dtype=bool), -np.inf, np.corrcoef(maxima, rowvar=False))

    which, how = unit_statistics.nearest(maxima, 5)

    order = np.argsort(-expected, axis=1)[:, :5]
    values = np.take_along_axis(expected, order, axis=1)
    assert np.array_equal(np.where(values > 0, which, 0), np.where(values > 0, order, 0))
    assert how == pytest.approx(np.where(values > 0, values, np.nan), abs=1e-6, nan_ok=True)
    assert (values > 0).sum() > 60


def test_a_constant_unit_is_near_none_and_none_to_it() -> None:
    maxima = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    maxima[:, 1] = 0.3
    which, how = unit_statistics.nearest(maxima)

    assert np.isnan(how[1]).all()
    assert not (which[~np.isnan(how)] == 1).any()


def test_few_films_make_no_unit_near_another() -> None:
    assert np.isnan(unit_statistics.nearest(np.eye(9, 3, dtype=np.float32))[1]).all()


def test_the_planted_unit_is_nearest_to_itself_in_the_next_stage(atlas: Atlas) -> None:
    here, there = atlas.unit("stage 1", planted.UNIT), atlas.unit("stage 2", planted.UNIT)

    assert here.nearest[0].stage == "stage 2"
    assert here.nearest[0].channel == planted.UNIT
    assert there.nearest[0] == NearUnit("stage 1", planted.UNIT, here.nearest[0].correlation)
    assert here.nearest[0].correlation > 0.9


def test_an_atlas_without_nearest_units_has_to_be_built_again(
    atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atlases, "FORMAT", 1)
    build(planted.classifier(), _films(), tmp_path)
    monkeypatch.undo()

    with pytest.raises(BadData, match=r"is an atlas of format 1; this version reads 2. Build it again with python"):
        read(tmp_path, planted.classifier().checkpoint)


def test_films_with_the_same_activation_are_not_smaller() -> None:
    silent = UnitDescription("stage 1", 0, 0.1, 0.0, 2.0, {0.25: 0.0, 0.5: 0.0, 0.75: 1.0}, {}, {}, (), (), ())
    always = replace(silent, most=0.0, quantiles={0.25: 0.0, 0.5: 0.0, 0.75: 0.0})
    full = replace(silent, quantiles={0.25: 1.0, 0.5: 2.0, 0.75: 2.0})

    assert [silent.share(value) for value in (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0)] == [0.0, 0.0, 0.625, 0.75, 1.0, 1.0]
    assert [always.share(value) for value in (0.0, 0.1)] == [0.0, 1.0]
    assert full.share(2.0) == 0.5  # half of the films answer as much
