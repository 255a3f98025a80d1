from core.estimate import Estimate
from dashboard import finding_colours, markup, probability_bars


def test_a_findings_colour_is_the_same_whatever_the_model_and_however_it_is_spelt() -> None:
    assert finding_colours.colour("covid") == finding_colours.colour("Covid") == "#e69f00"
    assert finding_colours.colour("effusion") == finding_colours.colour("effusion")
    assert len({finding_colours.colour(finding) for finding in ("covid", "pneumonia", "normal")}) == 3


def test_text_from_files_cannot_become_html() -> None:
    hostile = '<img src=x onerror=alert(1)>"'
    for piece in (
        markup.heading(hostile, hostile),
        probability_bars.bar(hostile, 0.5, threshold=0.4, explained=True),
        markup.remark("note", hostile, hostile, hostile),
        markup.chip("note", hostile, hostile, [(hostile, hostile)]),
        markup.verdict_line(hostile, hostile, hostile, hostile, level="note"),
        markup.facts([(hostile, hostile)]),
        markup.table([hostile], [[hostile]], caption=hostile),
        markup.sheet(
            [hostile, hostile], [(hostile, [markup.stacked(hostile, hostile, link=hostile), ""])], label=hostile
        ),
        markup.tiles([(hostile, "")]),
        markup.sentences([hostile]),
    ):
        assert "<img" not in piece
        assert '>"' not in piece.replace('">', "")


def test_a_bar_says_whether_the_operating_point_is_reached() -> None:
    assert "above operating point" in probability_bars.bar("covid", 0.3, threshold=0.3, explained=False)
    assert "below operating point" in probability_bars.bar("covid", 0.29, threshold=0.3, explained=False)
    assert "the call" in probability_bars.bar("covid", 0.5, threshold=0.3, explained=True, called=True)
    assert "above" not in probability_bars.bar(
        "covid", 0.4, threshold=0.3, explained=False, called=False
    )  # one call, not two
    assert "threshold" not in probability_bars.bar("covid", 0.3, threshold=None, explained=False)


def test_a_row_of_the_table_of_checkpoints_links_to_its_card() -> None:
    piece = markup.sheet(["Model", "Size"], [("a b", [markup.stacked("a b", "", link="a b"), "1 MB"])], label="all")

    assert '<tr data-checkpoint="a b">' in piece
    assert 'href="?checkpoint=a%20b"' in piece
    assert '<td data-label="Size">1 MB</td>' in piece


def test_a_figure_on_few_films_begins_with_its_interval() -> None:
    few = markup.estimate(Estimate(0.77, 0.61, 0.9, 44))
    many = markup.estimate(Estimate(0.77, 0.61, 0.9, 50))

    assert few.index("0.61–0.90") < few.index("0.77")
    assert many.index("0.77") < many.index("0.61–0.90")
