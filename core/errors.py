"""Errors that the user can fix.

UserError            shown as it is: what was found, what was expected, what to do
├── UnreadableFile   bytes that are not a radiograph that Lightbox can read
│   └── SeveralFrames a file of several frames, with none of them named
├── UnknownName      a name that is in no table; suggests the nearest
│   └── UnknownCheckpoint a checkpoint that does not exist, at least at present
├── BadCheckpoint    weights or card that do not fit each other or Lightbox
│   └── Unsafe       a file of weights that would run code, or take more memory than it has bytes, if opened
├── NoLungs          nothing on the film can be a pair of lungs
├── BadSetting       a setting outside its bounds
│   └── NoWindow     a window that this film does not have
├── Withheld         a prediction that the film checks or the gate call meaningless
├── BadData          a training or evaluation set that lacks what is needed
├── Unfit            a method that this network or this layer does not support
│   └── OneCell      a layer whose maps have a single cell, and so no place on the film
├── Stopped          a request that was cancelled or took too long
└── Unreachable      a download that failed, or whose content has changed
"""


class UserError(Exception):
    """An error shown to the user in one sentence, without a traceback."""


class UnreadableFile(UserError):
    """The bytes are not a radiograph that Lightbox can read."""


class SeveralFrames(UnreadableFile):
    """The file holds several frames and none was named.

    frames: how many.
    """

    def __init__(self, sentence: str, frames: int) -> None:
        super().__init__(sentence)
        self.frames = frames


class UnknownName(UserError, KeyError):
    """The name is in no table."""

    def __str__(self) -> str:  # KeyError would show the sentence in quotes
        return str(self.args[0])


class UnknownCheckpoint(UnknownName):
    """There is no checkpoint of this name; its file may be back later."""


class BadCheckpoint(UserError):
    """Weights or card do not fit each other or Lightbox."""


class Unsafe(BadCheckpoint):
    """Opening the file would run code, or take more memory than the file has bytes."""


class NoLungs(UserError):
    """Nothing on the film can be a pair of lungs."""


class BadSetting(UserError):
    """A setting lies outside its bounds."""


class NoWindow(BadSetting):
    """The film has no such window."""


class Withheld(UserError):
    """The film checks or the gate withhold the prediction, and the user did not override them."""


class BadData(UserError):
    """A data set lacks what is needed."""


class Unfit(UserError):
    """This network, or this layer of it, does not support the method."""


class OneCell(Unfit):
    """The layer's maps have a single cell, and so no place on the film."""


class Stopped(UserError):
    """The request was cancelled or took longer than its limit."""


class Unreachable(UserError):
    """A download failed or has changed content."""
