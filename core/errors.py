"""Errors that the user can fix.

UserError            shown as it is: what was found, what was expected, what to do
├── UnreadableFile   bytes that are no radiograph we can read
│   └── SeveralFrames a file of several frames, of which none was named
├── UnknownName      a name that is in no table; suggests the nearest
│   └── UnknownCheckpoint a checkpoint that is not there, or not there now
├── BadCheckpoint    weights or card that do not fit each other or us
│   └── Unsafe       a file of weights that would run code, or take more room than it has, if it were opened
├── NoLungs          nothing on the film can be a pair of lungs
├── BadSetting       a setting outside its bounds
│   └── NoWindow     a window that this film does not have
├── Withheld         an answer that cannot mean anything, by the film checks or the gate
├── BadData          a training or evaluation set that lacks what is needed
├── Unfit            a method that this network or this layer cannot serve
│   └── OneCell      a layer whose maps have a single cell, and so no place on the film
├── Stopped          a request that was cancelled or took too long
└── Unreachable      a download that did not come, or came changed
"""


class UserError(Exception):
    """An error shown to the user in one sentence, without a traceback."""


class UnreadableFile(UserError):
    """The bytes are no radiograph we can read."""


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
    """Weights or card do not fit each other or us."""


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
