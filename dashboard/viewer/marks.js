// Marks over the film: the patient's sides, the cross at the pointer, shapes.
const ARM = 12; // CSS px: arms of the cross, ends of a length, head of an arrow

function drawMarks(viewer) {
  const frames = viewer.frames();
  const cross = crossOn(viewer);
  const shapes = shapesOf(viewer.description);
  const drawn = frames.map((frame, index) => {
    const { left, top, width, height } = frame.pane;
    const box = [left, top, width, height].map((value) => value / viewer.unit);
    const lines = shapes.map((shape) => shapeMarkup(viewer, frame, shape));
    const pointed = cross && (cross.drawn || store.cross.viewer !== viewer || store.cross.pane !== index);
    if (pointed) lines.push(crossMarkup(viewer, frame, cross));
    return `<svg x="${box[0]}" y="${box[1]}" width="${box[2]}" height="${box[3]}">${lines.join("")}</svg>`;
  });
  viewer.parts.lines.innerHTML = drawn.join("");
  drawSides(viewer);
  drawLabels(viewer, frames, shapes);
  drawLoupe(viewer, frames);
}

// A film point in CSS px of its pane.
function inPane({ viewer, frame }, x, y) {
  const point = onCanvas(frame, x, y);
  return [(point.x - frame.pane.left) / viewer.unit, (point.y - frame.pane.top) / viewer.unit];
}

// Lines with a dark rim, legible on any grey.
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

// R and L at the edges of the screen, and in words whenever the film is not displayed as stored.
function drawSides(viewer) {
  const { parts, description } = viewer;
  const view = viewer.view();
  const words = changedWords(view);
  const { sides } = description;
  // Letters from the file move with the film; letters assumed from the usual hanging refer to the screen.
  const { hung, turn, flip } = description;
  const settled = turn === view.turn && flip === view.flip; // otherwise the server has not yet sent the present position
  const seen = (hung && !settled ? ["?", "", "?", ""] : hung) ?? (sides ? edges(sides, view) : ["", "", "", ""]); // left, top, right, bottom
  seen.forEach((side, index) => write(parts.sides.children[index], side));
  parts.sides.classList.toggle("changed", Boolean(words));
  parts.badge.hidden = !words;
  write(parts.badge, words && words[0].toUpperCase() + words.slice(1));
}
