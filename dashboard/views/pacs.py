"""PACS: search an archive for studies and open their films."""

from core.pacs.server import is_set_up, known_servers
from dashboard import draw
from dashboard.pacs import study_films, study_search

TITLE, ICON, ORDER = "PACS", ":material/dns:", 7
available = is_set_up


def page() -> None:
    """The search, its studies, the films of the chosen one."""
    draw.title("PACS", "Find a study, open its films. On Read, Send returns the results to the study.")
    with draw.errors():
        server = study_search.server_menu(known_servers())
        study_search.form(server)
        study_search.studies(server)
        study_films.films(server)


if __name__ == "__main__":
    page()
