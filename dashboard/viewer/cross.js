// The point of the film under the pointer and its values. All linked viewers show it.

function pointAt(viewer, x, y, { pane = 0, keyboard = false, touch = false } = {}) {
  store.cross = { viewer, x, y, pane, keyboard, touch };
  for (const each of linked(viewer)) each.pointed();
}

function pointAway(viewer) {
  if (store.cross?.viewer !== viewer) return;
  store.cross = null;
  for (const each of linked(viewer)) each.pointed();
}

// {x, y, drawn} in px of this viewer's own film; null if the pointer is elsewhere, or beside the film.
// drawn: whether to draw the cross in this viewer too, as keys and fingers leave no pointer on the screen.
function crossOn(viewer) {
  const { cross } = store;
  if (!cross || !linked(viewer).includes(cross.viewer)) return null;
  const [mine, theirs] = [viewer.description, cross.viewer.description];
  const x = (cross.x / theirs.width) * mine.width;
  const y = (cross.y / theirs.height) * mine.height;
  return x >= 0 && y >= 0 && x < mine.width && y < mine.height ? { x, y, drawn: cross.keyboard || cross.touch } : null;
}

// Grey value, heat, and position in px and mm.
function probeWords(viewer) {
  const { film, heat, description } = viewer;
  const cross = film && crossOn(viewer);
  if (!cross) return "";
  const [column, row] = [Math.floor(cross.x), Math.floor(cross.y)];
  const words = [`grey ${film.pixels[row * film.width + column]}`];
  if (viewer.drawable) {
    const value = heatAt(heat, film, column, row);
    words.push(Number.isNaN(value) ? "outside the map" : `heat ${figure(value)} ${heat.unit}`);
  }
  words.push(`${column}, ${row} px`);
  const { spacing } = description;
  const mm = (at, index) => ((at + 0.5) * spacing[index]).toFixed(1);
  if (spacing) words.push(`${mm(column, 1)}, ${mm(row, 0)} mm`);
  return words.join(" · ");
}

// Moves the cross by keys: at first to the middle of the visible part, then by `size` CSS px, at least one film pixel;
// the film follows. A line or region in progress ends there.
function moveCross(viewer, dx, dy, size) {
  const frame = viewer.frames()[0];
  const own = store.cross?.viewer === viewer && store.cross.keyboard ? store.cross : viewer.view();
  const step = Math.max((size * viewer.unit) / frame.place.scale, 1);
  const [u, v] = turnedBack(frame.matrix, dx, dy);
  const { width, height } = viewer.description;
  const x = Math.min(Math.max(own.x + u * step, 0), width - 0.5);
  const y = Math.min(Math.max(own.y + v * step, 0), height - 0.5);
  pointAt(viewer, x, y, { keyboard: true });
  if (viewer.begun) {
    movePoint(viewer.description, viewer.begun.shape, viewer.begun.index, [x, y], [x, y]);
  }
  const here = onCanvas(frame, x, y);
  const { pane } = frame;
  const beyond = (at, low, room) => Math.min(at - low, 0) + Math.max(at - low - room, 0);
  panBy(viewer, -beyond(here.x, pane.left, pane.width), -beyond(here.y, pane.top, pane.height));
}
