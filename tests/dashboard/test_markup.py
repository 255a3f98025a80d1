from dashboard import markup


def test_a_findings_colour_is_the_same_whatever_the_model_and_however_it_is_spelt() -> None:
    assert markup.colour("covid") == markup.colour("Covid") == "#e69f00"
    assert markup.colour("effusion") == markup.colour("effusion")
    assert len({markup.colour(finding) for finding in ("covid", "pneumonia", "normal")}) == 3


def test_text_from_files_cannot_become_html() -> None:
    hostile = '<img src=x onerror=alert(1)>"'
    for piece in (
        markup.heading(hostile, hostile),
        markup.bar(hostile, 0.5, threshold=0.4, asked=True),
        markup.remark("note", hostile, hostile, hostile),
        markup.facts([(hostile, hostile)]),
        markup.dot(hostile, 0.5),
        markup.table([hostile], [[hostile]], caption=hostile),
        markup.matrix([hostile], [[1]]),
        markup.interval(hostile, hostile, value=0.8, low=0.7, high=0.9, floor=0.5, hue="#000"),
    ):
        assert "<img" not in piece
        assert '>"' not in piece.replace('">', "")


def test_a_bar_says_whether_the_operating_point_is_reached() -> None:
    assert "above threshold" in markup.bar("covid", 0.3, threshold=0.3, asked=False)
    assert "below threshold" in markup.bar("covid", 0.29, threshold=0.3, asked=False)
    assert "threshold" not in markup.bar("covid", 0.3, threshold=None, asked=False)


def test_an_interval_below_the_floor_starts_at_the_floor() -> None:
    piece = markup.interval("a", "0.55", value=0.55, low=0.4, high=0.75, floor=0.5, hue="#000")

    assert "left:0.0%;width:50.0%" in piece
    assert "left:10.0%" in piece


def test_shares_of_a_row_add_up_and_an_empty_row_divides_by_nothing() -> None:
    piece = markup.matrix(["a", "b"], [[3, 1], [0, 0]])

    assert "75%" in piece
    assert "25%" in piece
    assert "0%" in piece
