// The list of keys, mouse and touch actions in a native dialog: it takes the focus and returns it, and Esc closes it.
const KEYS = [
  ["The film", [
    ["+ and −, pinch", "zoom"],
    ["wheel", "scrolls the page; zooms with Ctrl, or once you have clicked into the film"],
    ["1", "one film pixel on one screen pixel"],
    ["arrow keys", "pan"],
    ["Shift and arrow keys", "window wider or narrower, level up or down"],
    ["2, 3, 4, 5, 6", "film's own window, percentile 1–99, full range, lung, bone"],
    ["I", "invert the grey scale"],
    ["R, Shift R", "turn by 90° right, left"],
    ["F", "mirror left to right"],
    ["Turn, mirror, invert", "also change the model input; the stored film stays unchanged"],
    ["For the model", "the model reads the film through the window on screen"],
    ["0 or double click", "reset all of these"],
    ["E", "present on the full screen without controls, and back"],
    ["S", "save this view as a picture: window, zoom, colours and measurements, with model, finding and probability"],
    ["T", "text in the corners of the film on or off"],
    ["B", "collapse the text beside the film, or expand it"],
  ]],
  ["Pointer", [
    ["W, P, L", "left drag sets the window, pans, or measures a length"],
    ["U, Q", "ellipse, rectangle: mean and standard deviation of the grey values, area, share of the heat"],
    ["A, D", "angle of two lines (Cobb), two-way diameter: draw the first line, then the second"],
    ["N, X", "arrow, text"],
    ["drag a point or a line", "change or move what was drawn, with any measuring tool"],
    ["Ctrl Z, Ctrl Shift Z", "undo, redo what was drawn"],
    ["right drag", "window: across width, up and down level"],
    ["middle or Shift drag", "pan"],
    ["one finger, two fingers", "the chosen tool; zoom and pan"],
    ["G", "magnifying glass on the film's own pixels"],
    ["C", "cross: arrow keys move it, with Shift by one pixel; Enter begins and ends a line or region; Esc leaves"],
    ["Delete", "remove what was drawn last"],
    ["V", "overlays that the file stores beside its pixels, where it has some"],
  ]],
  ["The heat", [
    ["hold Space or H", "look at the bare film"],
    ["O", "heat on or off"],
    ["M", "heat, contour lines, side by side"],
    [", and .", "heat fainter or stronger"],
    ["[ and ]", "previous and next map, where there are several"],
  ]],
];

const HELP = `
  <dialog class="help" data-part="help" aria-labelledby="lightbox-help">
    <form method="dialog"><h2 id="lightbox-help">Keys, mouse and touch</h2><button aria-label="Close">Close</button></form>
    <div class="lists"></div>
    <p>R and L mark the patient's right and left: as the file says, or in brackets as frontal films are usually hung;
    ? if neither applies, as on a film that was mirrored. A mirrored or turned film is marked as such.</p>
    <p>Lengths and areas are in mm if the file gives a plausible pixel size, else in pixels. At the detector they are
    longer than in the patient. Calibrate on a length sets the pixel size: enter the true length of a ruler or marker.
    For an angle both values are given, since the lines have no direction.</p>
    <p>Heat hides the film in proportion to its strength, up to half of the scale; from there on the opacity is full.</p>
    <p>A browser screen shows 256 greys and is not calibrated: it is not a diagnostic display.</p>
  </dialog>`;

// Opens the list within `root`; created on first use.
function openHelp(root) {
  let dialog = root.querySelector("dialog");
  if (!dialog) {
    root.insertAdjacentHTML("beforeend", HELP);
    dialog = root.querySelector("dialog");
    const lists = dialog.querySelector(".lists");
    for (const [title, keys] of KEYS) {
      const section = lists.appendChild(document.createElement("section"));
      section.append(Object.assign(document.createElement("h3"), { textContent: title }));
      const list = section.appendChild(document.createElement("dl"));
      for (const [key, meaning] of keys) {
        list.append(Object.assign(document.createElement("dt"), { textContent: key }));
        list.append(Object.assign(document.createElement("dd"), { textContent: meaning }));
      }
    }
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // outside the list
    dialog.addEventListener("keydown", (event) => {
      event.stopPropagation(); // Streamlit's own keys rerun the page
      if (event.key === "?") dialog.close();
    });
  }
  dialog.showModal();
}
