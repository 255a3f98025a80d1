"""What a DICOM header says about the film: pixel size, orientation, age, and the elements listed on screen."""

from pydicom import FileDataset

from core.image.elements import decimals, number, numbers, text, values

# fmt: on
# Further elements for the reader of the film. They identify nobody: no name, number, date, place or free text is here.
SHOWN = {
    "PatientSex": ("Sex", ""),
    "Modality": ("Modality", ""),
    "PatientPosition": ("Position", ""),
    "Manufacturer": ("Maker", ""),
    "ManufacturerModelName": ("Device", ""),
    "KVP": ("Tube voltage", " kV"),
    "Exposure": ("Exposure", " mAs"),
    "DistanceSourceToDetector": ("Distance to detector", " mm"),
    "Grid": ("Grid", ""),
    "BurnedInAnnotation": ("The file reports burnt-in text", ""),
}
_SEXES = {"F": "female", "M": "male", "O": "other"}
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")


def orientation(dataset: FileDataset) -> tuple[str, str] | None:
    """Directions of rows and columns, each the letter of the main direction; None if the file has none."""
    letters = [str(value).strip().upper()[:1] for value in values(dataset, "PatientOrientation")]
    return (
        (letters[0], letters[1])
        if len(letters) == 2 and set("".join(letters)) <= set("APRLHF") and all(letters)
        else None
    )


def age(dataset: FileDataset) -> float | None:
    """Years, of "062Y", "62", "010M", "003W" or "012D"; None if the file has none."""
    age = text(dataset, "PatientAge") or ""
    years = {"Y": 1.0, "M": 1 / 12, "W": 1 / 52.18, "D": 1 / 365.25}.get(age[-1:], 1.0)
    digits = age.rstrip("YMWD")
    return int(digits) * years if digits.isascii() and digits.isdecimal() and len(digits) <= 3 else None


def listed_elements(dataset: FileDataset) -> tuple[tuple[str, str], ...]:
    """(name, value with unit) of the elements in `SHOWN` that the file has."""
    facts = []
    for keyword, (name, unit) in SHOWN.items():
        value = text(dataset, keyword)
        if keyword == "PatientSex":
            value = _SEXES.get(value or "")
        if value:
            facts.append((name, f"{value}{unit}"))
    return tuple(facts)


def pixel_spacing(dataset: FileDataset) -> tuple[tuple[float, float] | None, bool, list[str]]:
    """mm per pixel, (row, column); whether that is at the detector; and the steps taken."""
    spacings: dict[str, tuple[float, float]] = {}
    steps = []
    for keyword in SPACINGS:
        sides = decimals(dataset, keyword)
        down, across = sides if len(sides) == 2 else (None, None)
        if down is not None and across is not None and all(0.001 < side < 10 for side in (down, across)):
            spacings[keyword] = (down, across)
        elif sides:
            steps.append(f"The file's {keyword} is not a possible pixel size; it was ignored.")
    spacing, imager = spacings.get("PixelSpacing"), spacings.get("ImagerPixelSpacing")
    same = spacing and imager and all(abs(one - other) < 1e-3 * one for one, other in zip(spacing, imager, strict=True))
    if spacing and not (same and not text(dataset, "PixelSpacingCalibrationType")):
        return spacing, False, steps
    if imager:
        factor = number(dataset, "EstimatedRadiographicMagnificationFactor") or 1.0
        if 1 < factor < 10:
            steps.append(f"Pixel spacing at the detector ÷ {factor:g}.")
            return (imager[0] / factor, imager[1] / factor), False, steps
        steps.append("Pixel spacing is that at the detector: distances in the patient are smaller.")
        return imager, True, steps
    return spacings.get("NominalScannedPixelSpacing"), False, steps


def pixel_aspect(dataset: FileDataset, spacing: tuple[float, float] | None) -> tuple[float, list[str]]:
    """A pixel's height over its width, 1 if it is (nearly) square; and the step."""
    ratio = numbers(dataset, "PixelAspectRatio")
    if spacing is not None:
        tall = spacing[0] / spacing[1]
    elif len(ratio) == 2 and min(ratio) > 0:
        tall = ratio[0] / ratio[1]
    else:
        return 1.0, []
    if abs(tall - 1) < 0.01:
        return 1.0, []
    if not 0.2 < tall < 5:
        return 1.0, [f"Pixels {tall:.3g} times as high as wide are not plausible; they were kept square."]
    return tall, [f"Pixels are {tall:.3g} times as high as wide; the film was resampled to square ones."]
