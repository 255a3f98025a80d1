// The labels of shapes: what each measures, a field for its text or its true length, and a button that removes it.

// Asks for the true size of a length (a ruler, a marker of known size), or for a text; a second call closes the field.
function askLabel(viewer, shape) {
  viewer.asked = viewer.asked === shape ? null : shape;
}

// Stores the entry beside a shape: its text, or the true length of a line; an empty one restores the file's own size,
// null changes nothing. A text shape without words is removed.
function answerLabel(viewer, shape, words) {
  const { description } = viewer;
  const shapes = shapesOf(description);
  const before = stateOf(description);
  if (WRITTEN.includes(shape.kind)) shape.text = words === null ? shape.text : words.trim();
  else if (words !== null && !calibrate(viewer, shape, words)) return;
  if (shape.kind === "text" && !shape.text) shapes.splice(shapes.indexOf(shape), 1);
  noteChange(description, before);
  viewer.asked = null;
  viewer.canvas.focus({ preventScroll: true });
  tell();
}

// Whether `words` give a length that can calibrate the film.
function calibrate({ description }, { points: [one, other] }, words) {
  const mm = Number(words.trim().replace(",", "."));
  const key = filmKey(description);
  const size = Math.hypot(other[0] - one[0], other[1] - one[1]);
  if (!words.trim()) return store.calibrations.delete(key) || true;
  if (!(mm > 0 && Number.isFinite(mm) && size > 0)) return false;
  store.calibrations.set(key, mm / size);
  return true;
}

// One label per shape and pane. Nodes are reused, to keep the focus.
function drawLabels(viewer, frames, shapes) {
  const { labels } = viewer.parts;
  const places = frames.flatMap((frame) => shapes.map((shape, index) => ({ frame, shape, index })));
  while (labels.children.length > places.length) labels.lastChild.remove();
  while (labels.children.length < places.length) labels.append(newLabel(viewer));
  places.forEach((place, at) => drawLabel(viewer, labels.children[at], place));
}

function newLabel(viewer) {
  const label = document.createElement("div");
  const [words, field, known, remove] = ["span", "input", "button", "button"].map((kind) => document.createElement(kind));
  label.append(words, field, known, remove);
  Object.assign(field, { type: "text", hidden: true });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") answerLabel(viewer, viewer.asked, field.value);
    else if (event.key === "Escape") answerLabel(viewer, viewer.asked, null);
    event.stopPropagation();
  });
  field.addEventListener("blur", (event) => {
    const kept = label.contains(event.relatedTarget) || !WRITTEN.includes(viewer.asked?.kind);
    if (!kept) answerLabel(viewer, viewer.asked, field.value); // a click elsewhere ends the text
  });
  Object.assign(known, { type: "button" });
  known.dataset.act = "answer";
  Object.assign(remove, { type: "button", textContent: "×" });
  remove.dataset.act = "remove";
  return label;
}

function drawLabel(viewer, label, { frame, shape, index }) {
  const { figures, words } = figuresIn(viewer, shape);
  const [span, field, known, remove] = label.children;
  const [u, v] = labelPlace({ viewer, frame }, shape);
  const [width, height] = [frame.pane.width / viewer.unit, frame.pane.height / viewer.unit];
  const asked = viewer.asked === shape;
  const written = WRITTEN.includes(shape.kind);
  label.hidden = u < 0 || u > width || v < 0 || v > height;
  label.dataset.kind = shape.kind;
  write(span, words);
  span.hidden = asked;
  known.hidden = !written && figures.length === undefined;
  const opens = asked && field.hidden;
  field.hidden = !asked;
  field.dataset.index = known.dataset.index = remove.dataset.index = index;
  field.placeholder = written ? "text" : "true length, mm";
  field.inputMode = written ? "text" : "decimal";
  field.setAttribute("aria-label", written ? `Text ${index + 1}` : `True length ${index + 1} in millimetres; empty for the file's own size`);
  if (opens) {
    field.value = written ? shape.text : "";
    field.focus();
  }
  known.title = written ? "Change the text" : "Calibrate: enter the true length";
  const apply = written ? `Write text ${index + 1}` : `Apply to length ${index + 1}`;
  known.setAttribute("aria-label", asked ? apply : written ? `Edit text ${index + 1}` : `Calibrate by length ${index + 1}`);
  write(known, asked ? "OK" : written ? "Edit" : "Calibrate");
  remove.setAttribute("aria-label", `Remove ${KINDS[shape.kind].title.toLowerCase()} ${index + 1}, ${words}`);
  const left = clamp(u + 8, 0, Math.max(0, width - label.offsetWidth)) + frame.pane.left / viewer.unit;
  const top = clamp(v + 8, 0, Math.max(0, height - label.offsetHeight)) + frame.pane.top / viewer.unit;
  label.style.transform = `translate(${left}px, ${top}px)`;
}

// Where a label begins, in CSS px of the pane: at the middle of a line, at the lower right of a region, at the tail of an
// arrow.
function labelPlace(at, { kind, points }) {
  const seen = points.map((point) => inPane(at, ...point));
  if (seen.length < 2 || kind === "arrow") return seen[0];
  if (kind === "ellipse" || kind === "rectangle") {
    const { left, right, bottom } = boxOf(seen);
    return [kind === "ellipse" ? (left + right) / 2 : left, bottom];
  }
  return [(seen[0][0] + seen[1][0]) / 2, (seen[0][1] + seen[1][1]) / 2];
}

// ---- the list of all shapes

function listMeasures(list, viewer, shapes) {
  while (list.children.length > shapes.length) list.lastChild.remove();
  while (list.children.length < shapes.length) {
    const item = list.appendChild(document.createElement("li"));
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    remove.dataset.act = "remove";
    item.append(document.createElement("span"), remove);
  }
  shapes.forEach((shape, index) => {
    const { title } = KINDS[shape.kind];
    const words = [title, figuresIn(viewer, shape).words].filter(Boolean).join(": ");
    const [span, remove] = list.children[index].children;
    write(span, words);
    remove.dataset.index = index;
    remove.setAttribute("aria-label", `Remove ${index + 1}, ${words}`);
  });
}

// Saves the list as a table, named after the film.
function saveMeasures(viewer) {
  const rows = shapesOf(viewer.description).map((shape, index) => ({
    number: index + 1,
    ...figuresIn(viewer, shape).figures,
    points: shape.points.map((point) => point.map((value) => value.toFixed(1)).join(" ")).join("; "),
    mm_per_px: calibrationOf(viewer.description),
    film: filmKey(viewer.description),
  }));
  saveFile(new Blob([measuresCsv(rows)], { type: "text/csv" }), `${fileStem(viewer)}-measurements.csv`);
}

// The film's name as a file name without its ending.
function fileStem({ description }) {
  const stem = description.name.replace(/\.[A-Za-z0-9]{1,5}$/, "").replace(/[^\p{L}\p{N}_+-]+/gu, "-").slice(0, 80);
  return stem.replace(/^-+|-+$/g, "") || "film";
}

function saveFile(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
