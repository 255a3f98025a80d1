"""The board: one person's tiles, each with its map as far as it is ready."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from core.errors import UserError
from core.types import Checkpoint, Radiograph
from dashboard import engine, selection
from dashboard.board_tile import BoardTile
from dashboard.cache import model_files
from dashboard.compare import presets
from dashboard.compare.compare_state import Preset
from dashboard.state import session
from dashboard.tile_request import LastMap, TileRequest

PAGE = "compare"  # owner of the requests
_PATIENCE = 0.5  # s until progress is shown

Field = Literal["checkpoint", "method", "finding", "layer"]  # of a tile


def tiles() -> list[TileRequest]:
    """The tiles: chosen one by one, or a preset that follows the model of the sidebar."""
    here, model = session(), selection.model_name()
    preset_of_board = here.board.preset
    if preset_of_board and model and preset_of_board.model != model and tuple(here.tiles) == preset_of_board.tiles:
        here.tiles = presets.tiles(preset_of_board.name, model)
        here.board.preset = Preset(preset_of_board.name, model, tuple(here.tiles))
        _forget()
    elif preset_of_board and tuple(here.tiles) != preset_of_board.tiles:
        here.board.preset = None
    return here.tiles or (presets.beginning(model) if model else [])


def cards() -> list[Checkpoint]:
    """The cards of the tiles' models, without broken ones."""
    known = []
    for name in dict.fromkeys(tile.checkpoint for tile in tiles()):
        with suppress(UserError):
            known.append(model_files.card(name))
    return known


def preset() -> str | None:
    """The preset of the board; None once a tile was changed."""
    here = session()
    if here.board.preset:
        return here.board.preset.name
    both, model = presets.AGAINST, selection.model_name()
    return both if model and both in presets.offered() and tiles() == presets.tiles(both, model) else None


def choose(name: str) -> None:
    """Switches the board to that preset the next time the page is drawn."""
    here = session()
    here.board.preset = Preset(name, "", tuple(here.tiles))


def add() -> None:
    """Adds a copy of the last tile, which you can then change."""
    board = list(tiles())
    _set_tiles([*board, board[-1]])


def remove(place: int) -> None:
    """Removes the tile; those after it move up."""
    here = session()
    board = list(tiles())
    _set_tiles(board[:place] + board[place + 1 :])
    last = here.board.last_maps
    here.board.last_maps = {each - (each > place): map_ for each, map_ in last.items() if each != place}
    pair = [each - (each > place) for each in here.board.pair or () if each != place]
    here.board.pair = (pair[0], pair[1]) if len(pair) == 2 else None


def change(place: int, field: Field, value: Any) -> None:
    """Changes the model, method, finding or stage of the tile."""
    board = list(tiles())
    board[place] = replace(board[place], **{field: value})
    _set_tiles(board)


def cancel(place: int) -> None:
    """Cancels the pending map and restores the last one; a tile without an earlier map is removed."""
    last = session().board.last_maps.get(place)
    board = list(tiles())
    if last and last.request != board[place]:
        board[place] = last.request
        _set_tiles(board)
    else:
        remove(place)


def stopped(place: int, reason: str) -> None:
    """Restores the last map when the time limit prevents the new one, with the reason above the page."""
    cancel(place)
    session().problems.append(reason)


def look(radiograph: Radiograph) -> list[BoardTile]:
    """Every tile as far as it is ready within a moment; the rest is pending."""
    last = session().board.last_maps
    board = engine.look(radiograph, tiles(), page=PAGE, last=last, patience=_PATIENCE)
    for tile in board:
        if tile.explained and tile.explanation:
            last[tile.place] = LastMap(tile.request, tile.explanation)
    return board


def look_again(radiograph: Radiograph, place: int) -> BoardTile:
    """The present state of that tile."""
    return engine.again(radiograph, tiles(), place, last=session().board.last_maps)


def _set_tiles(board: list[TileRequest]) -> None:
    here = session()
    here.tiles = board
    here.board.preset = None


def _forget() -> None:
    here = session()
    here.board.last_maps.clear()
    here.board.pair = None
