"""The edits of the open film in the address."""

from collections.abc import Mapping, Sequence

from core.errors import UserError
from core.what_if.edit import MOST_EDITS, parsed_edit
from dashboard.state import Session

NAME = "edit"  # of the entries, one per edit
_LONGEST = 1500  # characters: browsers and mail accept an address of about 2,000
_TOO_MANY = "too many"  # replaces the edits if they are too long


def entries(here: Session, key: str) -> dict[str, list[str]]:
    """The edits of this film, while the bench is open."""
    texts = list(here.what_if.edits.get(key, ())) if here.what_if.is_open else []
    return {NAME: texts if sum(map(len, texts)) <= _LONGEST else [_TOO_MANY]}


def restore(here: Session, address: Mapping[str, Sequence[str]]) -> list[str]:
    """Restores the edits of the address; an unreadable one gets a sentence."""
    texts, film = list(address.get(NAME, ())), address.get("film")
    if not texts or not film:
        return []
    if _TOO_MANY in texts or len(texts) > MOST_EDITS or sum(map(len, texts)) > _LONGEST:
        return ["The film was edited more than a link can hold. It is shown without edits."]
    try:
        known = tuple(parsed_edit(text).text for text in texts)
    except UserError as error:
        return [f"An edit of the link is not valid: {error} The film is shown without edits."]
    here.what_if.is_open = True
    here.what_if.edits[film[-1]] = known
    return []
