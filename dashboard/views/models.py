"""Models: what each checkpoint is, what it reached on films it never saw, and where it fails."""

from dashboard import cache, desk, draw, model

TITLE, ICON, ORDER = "Models", ":material/model_training:", 6


def page() -> None:
    """All checkpoints in one table, and below it the card of the chosen one."""
    cards = []
    for name in cache.names():
        with draw.shown():
            cards.append(cache.card(name))
    if not cards:
        model.none()
        return
    draw.title("Models", "What each was trained on, what it reached on films it never saw, and where it fails.")
    model.table(cards)
    chosen = desk.model()
    if chosen is None:
        return
    model.reached(chosen)
    model.operating(chosen)
    model.confusion(chosen)
    model.groups(chosen)
    model.data(chosen)
    model.recipe(chosen)


if __name__ == "__main__":
    page()
