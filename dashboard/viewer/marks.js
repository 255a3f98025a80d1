// What is written over the film: the patient's sides, the cross of the pane that is pointed at, lengths.
const ARM = 12; // CSS px, of the cross and of the ends of a length

function drawMarks(viewer) {
  const frames = viewer.frames();
  const cross = crossOn(viewer);
  const lengths = lengthsOf(viewer.description);
  const drawn = frames.map((frame, index) => {
    const { left, top, width, height } = frame.pane;
    const box = [left, top, width, height].map((value) => value / viewer.unit);
    const lines = lengths.map((length) => lengthMarkup(viewer, frame, length));
    const pointed = cross && (cross.keyboard || store.cross.viewer !== viewer || store.cross.pane !== index);
    if (pointed) lines.push(crossMarkup(viewer, frame, cross));
    return `<svg x="${box[0]}" y="${box[1]}" width="${box[2]}" height="${box[3]}">${lines.join("")}</svg>`;
  });
  viewer.parts.lines.innerHTML = drawn.join("");
  drawSides(viewer);
  drawLabels(viewer, frames, lengths);
  drawLoupe(viewer, frames);
}

// A film point in CSS px of its pane.
function inPane({ viewer, frame }, x, y) {
  const point = onCanvas(frame, x, y);
  return [(point.x - frame.pane.left) / viewer.unit, (point.y - frame.pane.top) / viewer.unit];
}

// Lines with a dark rim, to be read on any grey.
function lineMarkup(kind, path) {
  return `<path class="rim" d="${path}"/><path class="${kind}" d="${path}"/>`;
}

function crossMarkup(viewer, frame, { x, y }) {
  const [u, v] = inPane({ viewer, frame }, x, y);
  const gap = ARM / 3;
  const arms = [[-1, 0], [1, 0], [0, -1], [0, 1]].map(([dx, dy]) => {
    return `M${u + dx * gap} ${v + dy * gap}L${u + dx * (ARM + gap)} ${v + dy * (ARM + gap)}`;
  });
  return lineMarkup("cross", arms.join(""));
}

function lengthMarkup(viewer, frame, { x0, y0, x1, y1 }) {
  const [u0, v0] = inPane({ viewer, frame }, x0, y0);
  const [u1, v1] = inPane({ viewer, frame }, x1, y1);
  const size = Math.hypot(u1 - u0, v1 - v0) || 1;
  const [du, dv] = [(-(v1 - v0) / size) * (ARM / 2), ((u1 - u0) / size) * (ARM / 2)];
  const end = (u, v) => `M${u - du} ${v - dv}L${u + du} ${v + dv}`;
  return lineMarkup("length", `M${u0} ${v0}L${u1} ${v1}${end(u0, v0)}${end(u1, v1)}`);
}

// "123.4 mm"; px where the file gives no spacing. It is said where the mm are not those of the patient.
function lengthWords({ x0, y0, x1, y1 }, { spacing, atDetector }) {
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
    label.append(document.createElement("span"), document.createElement("button"));
    Object.assign(label.lastChild, { type: "button", textContent: "×" });
    label.lastChild.dataset.act = "remove";
  }
  places.forEach(({ frame, length, index }, at) => {
    const label = labels.children[at];
    const words = lengthWords(length, viewer.description);
    const [u, v] = inPane({ viewer, frame }, (length.x0 + length.x1) / 2, (length.y0 + length.y1) / 2);
    const [width, height] = [frame.pane.width / viewer.unit, frame.pane.height / viewer.unit];
    label.hidden = u < 0 || u > width || v < 0 || v > height;
    write(label.firstChild, words);
    const left = Math.min(u + 8, width - label.offsetWidth) + frame.pane.left / viewer.unit;
    const top = Math.min(v + 8, height - 30) + frame.pane.top / viewer.unit;
    label.style.transform = `translate(${left}px, ${top}px)`;
    label.lastChild.dataset.index = index;
    label.lastChild.setAttribute("aria-label", `Remove length ${index + 1}, ${words}`);
  });
}

// R and L at the edges of the screen, and in words whenever the film is not seen as it is stored.
function drawSides(viewer) {
  const { parts, description } = viewer;
  const view = viewer.view();
  const words = changedWords(view);
  const { sides } = description;
  const seen = sides ? edges(sides, view) : ["", "", "", ""]; // left, top, right, bottom of the screen
  seen.forEach((side, index) => write(parts.sides.children[index], side));
  parts.sides.classList.toggle("changed", Boolean(words));
  parts.badge.hidden = !words;
  write(parts.badge, words && words[0].toUpperCase() + words.slice(1));
}
