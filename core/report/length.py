"""A length that a person drew on the film."""

import math
from dataclasses import dataclass

from core.errors import BadSetting
from core.report.case import CaseRecord


@dataclass(frozen=True)
class Length:
    """Its ends, in pixels of the stored film."""

    x0: float
    y0: float
    x1: float
    y1: float

    def millimetres(self, case: CaseRecord) -> float | None:
        """Its length; None where the file gives no plausible size of a pixel."""
        spacing = case.radiograph.spacing
        if spacing is None or not case.spacing_is_plausible:
            return None
        return math.hypot((self.x1 - self.x0) * spacing[1], (self.y1 - self.y0) * spacing[0])

    def text(self, case: CaseRecord) -> str:
        """ "123.4 mm", or pixels."""
        length = self.millimetres(case)
        if length is None:
            return f"{self.pixels:.0f} px"
        return f"{length:.1f} mm" + (" at the detector" if case.radiograph.at_detector else "")

    @property
    def pixels(self) -> float:
        """Its length in pixels."""
        return math.hypot(self.x1 - self.x0, self.y1 - self.y0)


def parse_length(text: str, case: CaseRecord) -> Length:
    """The length in "x0,y0,x1,y1". Raises: BadSetting for anything else, or an end beyond the film."""
    try:
        x0, y0, x1, y1 = map(float, text.split(","))
    except ValueError as error:
        raise BadSetting(f"A length is {text!r}; give the pixels of its two ends, as in 100,200,340,200.") from error
    height, width = case.radiograph.pixels.shape
    if not (all(0 <= x <= width for x in (x0, x1)) and all(0 <= y <= height for y in (y0, y1))):
        raise BadSetting(f"A length is {text}, but the film has {width} × {height} pixels. Give ends that lie on it.")
    return Length(x0, y0, x1, y1)
