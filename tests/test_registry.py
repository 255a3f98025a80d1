import pytest

from core.errors import UnknownName, UserError
from core.registry import Registry


def _table() -> Registry[int]:
    table: Registry[int] = Registry("method")
    table.add("grad-cam", 1)
    table.add("saliency", 2)
    return table


def test_it_keeps_the_order_of_registration() -> None:
    assert list(_table().items()) == [("grad-cam", 1), ("saliency", 2)]


def test_a_double_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        _table().add("saliency", 3)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName) as error:
        _table()["gradcam"]

    assert isinstance(error.value, UserError)
    assert str(error.value) == "There is no method named 'gradcam'. Did you mean 'grad-cam'? Known: grad-cam, saliency."


def test_asking_whether_a_name_is_there_raises_nothing() -> None:
    assert "nothing" not in _table()


def test_entries_of_a_package_are_detected_without_importing_them_by_hand() -> None:
    from core.explain.method import methods

    assert {"grad-cam", "saliency", "layer-activation", "integrated-gradients", "guided-backprop"} <= set(methods)


def test_the_modules_of_a_package_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.explain.method import methods

    assert len(methods) > 1
    monkeypatch.setattr("pkgutil.iter_modules", None)
    assert "grad-cam" in methods
