// Where a film lies on a pane, mirrored and turned. It is drawn as stored on an upright pane, and a matrix of whole
// numbers maps that pane to the canvas, so that turning and mirroring change no pixel.

// canvas px on the upright pane = left + film px * scale. Whole px, so that at scale 1 pixels meet pixels.
function placed(view, size, pane) {
  const scale = fitted(size, pane) * view.zoom;
  return {
    scale,
    left: Math.round(pane.left + pane.width / 2 - view.x * scale),
    top: Math.round(pane.top + pane.height / 2 - view.y * scale),
  };
}

function fitted(size, pane) {
  return Math.min(pane.width / size.width, pane.height / size.height);
}

// {upright, place, matrix} of a film on a pane; the matrix takes points of the upright pane to the canvas.
function frameOf(view, size, pane) {
  const lying = view.turn % 2 === 1;
  const [width, height] = lying ? [pane.height, pane.width] : [pane.width, pane.height];
  const upright = { left: 0, top: 0, width, height };
  const turned = [
    [1, 0, 0, 1, 0, 0],
    [0, 1, -1, 0, height, 0],
    [-1, 0, 0, -1, width, height],
    [0, -1, 1, 0, 0, width],
  ][view.turn];
  let [a, b, c, d, e, f] = turned;
  if (view.flip) [a, b, e, f] = [-a, -b, e + a * width, f + b * width];
  return { upright, place: placed(view, size, upright), matrix: [a, b, c, d, e + pane.left, f + pane.top] };
}

// From canvas px to film px; pixel i spans i to i + 1.
function onFilm({ place, matrix }, x, y) {
  const [dx, dy] = turnedBack(matrix, x - matrix[4], y - matrix[5]);
  return { x: (dx - place.left) / place.scale, y: (dy - place.top) / place.scale };
}

// From film px to canvas px.
function onCanvas({ place, matrix: [a, b, c, d, e, f] }, x, y) {
  const [u, v] = [place.left + x * place.scale, place.top + y * place.scale];
  return { x: a * u + c * v + e, y: b * u + d * v + f };
}

// A step on the canvas as a step on the upright pane: the inverse of a turn or mirror is its transpose.
function turnedBack([a, b, c, d], dx, dy) {
  return [a * dx + b * dy, c * dx + d * dy];
}

// The view turned by a quarter clockwise (or back).
function turnView(view, quarters) {
  view.turn = (view.turn + quarters + 4) % 4;
}

// The view mirrored left to right: after a turn the mirror is applied first, and the turn runs backwards.
function flipView(view) {
  view.flip = !view.flip;
  view.turn = (4 - view.turn) % 4;
}

function changedWords({ flip, turn }) {
  const turned = ["", "turned 90° right", "turned upside down", "turned 90° left"][turn];
  return [flip ? "mirrored" : "", turned].filter(Boolean).join(", ");
}

// The side at the left, top, right and bottom edge of the screen, for {left, top, right, bottom} of the stored film.
function edges(sides, { flip, turn }) {
  const stored = [sides.left, sides.top, sides.right, sides.bottom];
  const mirrored = flip ? [stored[2], stored[1], stored[0], stored[3]] : stored;
  return [0, 1, 2, 3].map((edge) => mirrored[(edge - turn + 4) % 4]);
}
