// Lengths: taken by pointer or keys, drawn, written, removed. They belong to the film.
const NEAR = { mouse: 9, pen: 14, touch: 24 }; // CSS px from the end of a length, to take hold of it
const SHORTEST = 4; // CSS px: a length that is shorter was a slip

function lengthsOf(description) {
  const key = filmKey(description);
  if (!store.lengths.has(key)) store.lengths.set(key, []);
  return store.lengths.get(key);
}

// Asks for the true size of a length (a ruler, a marker of known size), in a field of its label; asked again, it closes.
function askLength(viewer, length) {
  viewer.asked = viewer.asked === length ? null : length;
  tell();
}

// Calibrates the film by a length and what the person wrote; empty goes back to what the file says.
function calibrate(viewer, { x0, y0, x1, y1 }, text) {
  const mm = Number(text.trim().replace(",", "."));
  const key = filmKey(viewer.description);
  const size = Math.hypot(x1 - x0, y1 - y0);
  if (!text.trim()) store.calibrations.delete(key);
  else if (mm > 0 && Number.isFinite(mm) && size > 0) store.calibrations.set(key, mm / size);
  else return;
  viewer.asked = null;
  tell();
}

// The hold on a length: an end of one that is near, or else a new one that begins here.
function takeLength(viewer, at, near) {
  const lengths = lengthsOf(viewer.description);
  const pane = viewer.paneAt(at.x, at.y);
  const frame = viewer.frames()[pane];
  for (const length of lengths) {
    for (const end of ["0", "1"]) {
      const there = onCanvas(frame, length[`x${end}`], length[`y${end}`]);
      if (Math.hypot(there.x - at.x, there.y - at.y) <= near * viewer.unit) return { length, end, pane };
    }
  }
  const { x, y } = withinFilm(viewer, onFilm(frame, at.x, at.y));
  const length = { x0: x, y0: y, x1: x, y1: y };
  lengths.push(length);
  return { length, end: "1", pane };
}

function moveEnd(viewer, { length, end, pane }, at) {
  const { x, y } = withinFilm(viewer, onFilm(viewer.frames()[pane], at.x, at.y));
  Object.assign(length, { [`x${end}`]: x, [`y${end}`]: y });
  tell();
}

function withinFilm({ description: { width, height } }, { x, y }) {
  return { x: Math.min(Math.max(x, 0), width), y: Math.min(Math.max(y, 0), height) };
}

function dropSlip(viewer, { length }) {
  const lengths = lengthsOf(viewer.description);
  const at = lengths.indexOf(length);
  const size = Math.hypot(length.x1 - length.x0, length.y1 - length.y0) * viewer.frames()[0].place.scale;
  if (at >= 0 && size < SHORTEST * viewer.unit) lengths.splice(at, 1);
  tell();
}

// Begins a length at the cross, or ends the one that was begun.
function markLength(viewer) {
  if (!store.cross?.keyboard || store.cross.viewer !== viewer) return;
  const { x, y } = store.cross;
  if (endLength(viewer)) return;
  viewer.begun = { x0: x, y0: y, x1: x, y1: y };
  lengthsOf(viewer.description).push(viewer.begun);
}

// Whether a length was begun; it ends where it is.
function endLength(viewer) {
  const { begun } = viewer;
  if (begun) dropSlip(viewer, { length: begun });
  viewer.begun = null;
  return Boolean(begun);
}

function lengthMarkup(viewer, frame, { x0, y0, x1, y1 }) {
  const [u0, v0] = inPane({ viewer, frame }, x0, y0);
  const [u1, v1] = inPane({ viewer, frame }, x1, y1);
  const size = Math.hypot(u1 - u0, v1 - v0) || 1;
  const [du, dv] = [(-(v1 - v0) / size) * (ARM / 2), ((u1 - u0) / size) * (ARM / 2)];
  const end = (u, v) => `M${u - du} ${v - dv}L${u + du} ${v + dv}`;
  return lineMarkup("length", `M${u0} ${v0}L${u1} ${v1}${end(u0, v0)}${end(u1, v1)}`);
}

// "123.4 mm"; px where the file gives no spacing. Says so where the mm are not those of the patient.
function lengthWords({ x0, y0, x1, y1 }, description) {
  const { spacing, atDetector, untrusted } = description;
  const calibration = store.calibrations.get(filmKey(description));
  if (calibration) return `${(calibration * Math.hypot(x1 - x0, y1 - y0)).toFixed(1)} mm, calibrated by hand`;
  if (untrusted) return `${Math.round(Math.hypot(x1 - x0, y1 - y0))} px, the file's pixel size is not trusted`;
  if (!spacing) return `${Math.round(Math.hypot(x1 - x0, y1 - y0))} px, spacing unknown`;
  const mm = Math.hypot((x1 - x0) * spacing[1], (y1 - y0) * spacing[0]).toFixed(1);
  return `${mm} mm${atDetector ? " at the detector" : ""}`;
}

// One label a length and pane, each with a button that removes it. Nodes stay, so that focus does.
function drawLabels(viewer, frames, lengths) {
  const { labels } = viewer.parts;
  const places = frames.flatMap((frame) => lengths.map((length, index) => ({ frame, length, index })));
  while (labels.children.length > places.length) labels.lastChild.remove();
  while (labels.children.length < places.length) {
    const label = labels.appendChild(document.createElement("div"));
    const [words, field, known, remove] = ["span", "input", "button", "button"].map((kind) => document.createElement(kind));
    label.append(words, field, known, remove);
    Object.assign(field, { type: "text", inputMode: "decimal", placeholder: "true length, mm", hidden: true });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") calibrate(viewer, lengthsOf(viewer.description)[field.dataset.index], field.value);
      else if (event.key === "Escape") askLength(viewer, viewer.asked);
      event.stopPropagation();
    });
    Object.assign(known, { type: "button", textContent: "mm", title: "Calibrate: enter the true length" });
    known.dataset.act = "calibrate";
    Object.assign(remove, { type: "button", textContent: "×" });
    remove.dataset.act = "remove";
  }
  places.forEach(({ frame, length, index }, at) => {
    const label = labels.children[at];
    const words = lengthWords(length, viewer.description);
    const [u, v] = inPane({ viewer, frame }, (length.x0 + length.x1) / 2, (length.y0 + length.y1) / 2);
    const [width, height] = [frame.pane.width / viewer.unit, frame.pane.height / viewer.unit];
    label.hidden = u < 0 || u > width || v < 0 || v > height;
    write(label.firstChild, words);
    const [, field, known] = label.children;
    const asked = viewer.asked === length;
    const opens = asked && field.hidden;
    label.firstChild.hidden = asked;
    field.hidden = !asked;
    if (opens) {
      field.value = "";
      field.focus();
    }
    field.dataset.index = index;
    field.setAttribute("aria-label", `True length ${index + 1} in millimetres; empty for the file's own size`);
    const left = Math.min(u + 8, width - label.offsetWidth) + frame.pane.left / viewer.unit;
    const top = Math.min(v + 8, height - 30) + frame.pane.top / viewer.unit;
    label.style.transform = `translate(${left}px, ${top}px)`;
    for (const button of label.querySelectorAll("button")) button.dataset.index = index;
    known.setAttribute("aria-label", asked ? `Apply to length ${index + 1}` : `Calibrate by length ${index + 1}`);
    write(known, asked ? "OK" : "mm");
    label.lastChild.setAttribute("aria-label", `Remove length ${index + 1}, ${words}`);
  });
}
