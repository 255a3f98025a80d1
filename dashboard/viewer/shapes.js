// The layer of shapes on a film: lengths, regions, angles, arrows and texts, in film px. They belong to the film, so
// that zoom, turn and mirror move none of them. Their measurements are in measures.js, their labels in labels.js.
const NEAR = { mouse: 9, pen: 14, touch: 24 }; // CSS px from a point of a shape within which it can be grabbed
const SHORTEST = 4; // CSS px: a shorter line is an accident
const MOST_UNDONE = 100; // steps

// points: how many a finished shape has; two are drawn at a time.
const KINDS = {
  length: { points: 2, title: "Length" },
  ellipse: { points: 2, title: "Ellipse" },
  rectangle: { points: 2, title: "Rectangle" },
  angle: { points: 4, title: "Angle" },
  diameter: { points: 4, title: "Two-way diameter" },
  arrow: { points: 2, title: "Arrow" },
  text: { points: 1, title: "Text" },
  lasso: { points: Infinity, title: "Lasso" },
  brush: { points: Infinity, title: "Brush" },
};
const FREE = ["lasso", "brush"]; // drawn in one stroke, with points along the path of the pointer
const STROKE = 3; // CSS px between two points of a stroke
const WRITTEN = ["arrow", "text"]; // kinds with a text

// [{kind, points: [[x, y], ...], text}] of a film, in the order of drawing.
function shapesOf(description) {
  const key = filmKey(description);
  if (!store.shapes.has(key)) store.shapes.set(key, []);
  return store.shapes.get(key);
}

function calibrationOf(description) {
  return store.calibrations.get(filmKey(description));
}

// ---- undo: shapes and calibration of a film before each change

function historyOf(description) {
  const key = filmKey(description);
  if (!store.histories.has(key)) store.histories.set(key, { past: [], future: [] });
  return store.histories.get(key);
}

function stateOf(description) {
  return JSON.stringify([shapesOf(description), calibrationOf(description) ?? null]);
}

// Runs `change` as one step that can be undone.
function changeShapes(description, change) {
  const before = stateOf(description);
  const result = change(shapesOf(description));
  noteChange(description, before);
  return result;
}

function noteChange(description, before) {
  if (stateOf(description) === before) return;
  const { past, future } = historyOf(description);
  past.push(before);
  if (past.length > MOST_UNDONE) past.shift();
  future.splice(0);
}

function undoShapes(description, forward = false) {
  const { past, future } = historyOf(description);
  const [from, to] = forward ? [future, past] : [past, future];
  if (!from.length) return;
  to.push(stateOf(description));
  const [shapes, calibration] = JSON.parse(from.pop());
  shapesOf(description).splice(0, Infinity, ...shapes);
  if (calibration) store.calibrations.set(filmKey(description), calibration);
  else store.calibrations.delete(filmKey(description));
}

// ---- drawing by hand

// The hold on a shape: a nearby point of one, its line, or a new shape that begins here.
// {shape, index, pane, before}; index: of the moving point, -1 for the whole shape.
function takeShape(viewer, kind, at, near) {
  const { description } = viewer;
  const pane = viewer.paneAt(at.x, at.y);
  const frame = viewer.frames()[pane];
  const before = stateOf(description);
  const reach = near * viewer.unit;
  const gap = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);
  const shapes = shapesOf(description);
  const [x, y] = withinFilm(viewer, onFilm(frame, at.x, at.y));
  if (FREE.includes(kind)) return beginShape(description, kind, [x, y], { pane, before }); // strokes may cross
  for (const shape of shapes) {
    const index = shape.points.findIndex((point) => gap(onCanvas(frame, ...point), at) <= reach);
    if (index >= 0) return { shape, index, pane, before, last: [x, y] };
  }
  const whole = shapes.find((shape) => lineNear(shape, [x, y], reach / 2 / frame.place.scale));
  if (whole) return { shape: whole, index: -1, pane, before, last: [x, y] };
  return beginShape(description, kind, [x, y], { pane, before });
}

// Begins a shape, or the second line of an incomplete one.
function beginShape(description, kind, point, rest) {
  const shapes = shapesOf(description);
  const open = shapes.at(-1);
  const goesOn = !FREE.includes(kind) && open?.kind === kind && open.points.length < KINDS[kind].points;
  const shape = goesOn ? open : { kind, points: [], text: "" };
  if (!goesOn) shapes.push(shape);
  const pair = FREE.includes(kind) ? 1 : Math.min(2, KINDS[kind].points);
  for (let count = 0; count < pair; count++) shape.points.push([...point]);
  return { ...rest, shape, index: shape.points.length - 1, last: point, fresh: true };
}

function moveShape(viewer, hold, at) {
  const { shape, index, pane } = hold;
  const frame = viewer.frames()[pane];
  const point = withinFilm(viewer, onFilm(frame, at.x, at.y));
  if (hold.fresh && FREE.includes(shape.kind)) {
    const far = Math.hypot(point[0] - hold.last[0], point[1] - hold.last[1]) * frame.place.scale;
    if (far < STROKE * viewer.unit) return;
    shape.points.push(point);
  } else movePoint(viewer.description, shape, index, point, hold.last);
  hold.last = point;
  tell();
}

function movePoint(description, shape, index, [x, y], [fromX, fromY]) {
  if (index < 0) for (const each of shape.points) [each[0], each[1]] = [each[0] + x - fromX, each[1] + y - fromY];
  else shape.points[index] = [x, y];
  if (shape.kind === "diameter" && shape.points.length === 4) {
    shape.points[3] = squared(shape.points, scaleOf(description, calibrationOf(description)));
  }
}

function withinFilm({ description: { width, height } }, { x, y }) {
  return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
}

// Ends a hold: a line that is too short is dropped as an accident; anything else becomes a step that can be undone.
function endShape(viewer, { shape, before, fresh }) {
  const { description } = viewer;
  const shapes = shapesOf(description);
  const least = (SHORTEST * viewer.unit) / viewer.frames()[0].place.scale;
  const short = ([one, other]) => Math.hypot(one[0] - other[0], one[1] - other[1]) < least;
  if (shape.kind === "lasso" && shape.points.length < 3) shape.points.splice(0);
  else if (!FREE.includes(shape.kind) && shape.points.length > 1 && short(shape.points.slice(-2))) shape.points.splice(-2);
  if (!shape.points.length) shapes.splice(shapes.indexOf(shape), 1);
  else if (fresh && WRITTEN.includes(shape.kind)) askLabel(viewer, shape);
  noteChange(description, before);
  tell();
}

// Whether a film point lies on the line of a shape, `reach` film px around it.
function lineNear({ kind, points }, [x, y], reach) {
  if (kind === "ellipse" && points.length > 1) {
    const { left, top, right, bottom } = boxOf(points);
    const [a, b] = [(right - left) / 2, (bottom - top) / 2];
    const far = Math.hypot((x - (left + right) / 2) / a, (y - (top + bottom) / 2) / b);
    return Math.abs(far - 1) * Math.min(a, b) <= reach;
  }
  if (kind === "rectangle" && points.length > 1) {
    const [[x0, y0], [x1, y1]] = points;
    const corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    return corners.some((corner, index) => segmentNear(corner, corners[(index + 1) % 4], [x, y], reach));
  }
  if (FREE.includes(kind)) return false; // only its points can be grabbed
  for (let at = 0; at + 1 < points.length; at += 2) if (segmentNear(points[at], points[at + 1], [x, y], reach)) return true;
  return false;
}

function segmentNear([x0, y0], [x1, y1], [x, y], reach) {
  const size = (x1 - x0) ** 2 + (y1 - y0) ** 2 || 1;
  const share = clamp(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / size, 0, 1);
  return Math.hypot(x0 + share * (x1 - x0) - x, y0 + share * (y1 - y0) - y) <= reach;
}

// ---- drawing by keys

// Begins a shape at the cross, or ends the shape in progress.
function markShape(viewer) {
  if (!store.cross?.keyboard || store.cross.viewer !== viewer) return;
  const { x, y } = store.cross;
  if (endBegun(viewer)) return;
  const kind = store.look.tool in KINDS ? store.look.tool : "length";
  viewer.begun = beginShape(viewer.description, kind, [x, y], { before: stateOf(viewer.description) });
  if (kind === "text") endBegun(viewer);
}

// Whether a shape was in progress; ends it in its present form.
function endBegun(viewer) {
  const { begun } = viewer;
  viewer.begun = null;
  if (begun) endShape(viewer, begun);
  return Boolean(begun);
}

// ---- on the pane

// The path of a shape (SVG), its points in CSS px of the pane.
function shapePath({ kind }, points) {
  const line = ([u0, v0], [u1, v1]) => `M${u0} ${v0}L${u1} ${v1}`;
  if (kind === "text") return line(points[0], points[0]);
  if (FREE.includes(kind)) return strokePath(points) + (kind === "lasso" ? "Z" : "");
  if (kind === "ellipse") {
    const { left, top, right, bottom } = boxOf(points);
    const [a, b, middle] = [(right - left) / 2, (bottom - top) / 2, (top + bottom) / 2];
    return `M${left} ${middle}A${a} ${b} 0 1 0 ${right} ${middle}A${a} ${b} 0 1 0 ${left} ${middle}Z`;
  }
  if (kind === "rectangle") {
    const { left, top, right, bottom } = boxOf(points);
    return `M${left} ${top}H${right}V${bottom}H${left}Z`;
  }
  if (kind === "arrow") return line(points[0], points[1]) + arrowHead(...points);
  let path = "";
  for (let at = 0; at + 1 < points.length; at += 2) {
    path += line(points[at], points[at + 1]) + (kind === "angle" ? "" : ends(points[at], points[at + 1]));
  }
  return path;
}

function ends([u0, v0], [u1, v1]) {
  const size = Math.hypot(u1 - u0, v1 - v0) || 1;
  const [du, dv] = [(-(v1 - v0) / size) * (ARM / 2), ((u1 - u0) / size) * (ARM / 2)];
  const end = (u, v) => `M${u - du} ${v - dv}L${u + du} ${v + dv}`;
  return end(u0, v0) + end(u1, v1);
}

// The head is where the arrow was released.
function arrowHead([u0, v0], [u1, v1]) {
  const bearing = Math.atan2(v1 - v0, u1 - u0);
  const wing = (turn) => `M${u1} ${v1}L${u1 - ARM * Math.cos(bearing + turn)} ${v1 - ARM * Math.sin(bearing + turn)}`;
  return wing(0.5) + wing(-0.5);
}

// Through the points; a single one is a dot.
function strokePath([[u, v], ...rest]) {
  return `M${u} ${v}` + (rest.length ? rest.map(([x, y]) => `L${x} ${y}`).join("") : `L${u + 0.01} ${v}`);
}

function shapeMarkup(viewer, frame, shape) {
  const path = shapePath(shape, shape.points.map((point) => inPane({ viewer, frame }, ...point)));
  if (shape.kind !== "brush") return lineMarkup("shape", path);
  const { width, height } = viewer.description;
  const wide = (BRUSH * Math.max(width, height) * frame.place.scale) / viewer.unit;
  return `<path class="brush" d="${path}" style="stroke-width:${wide}"/>`;
}

// Measurements of a shape on this viewer's film, cached until shape, film or heat changes.
function figuresIn(viewer, shape) {
  const { description, film, heat, drawable } = viewer;
  const scale = scaleOf(description, calibrationOf(description));
  const fingerprint = [JSON.stringify(shape), film?.key, drawable ? heat.key : "", scale.across, scale.down].join();
  viewer.measured ??= new WeakMap();
  const last = viewer.measured.get(shape);
  if (last?.fingerprint === fingerprint) return last;
  const figures = figuresOf(shape, film, scale, drawable ? heat : null);
  const result = { fingerprint, figures, words: measureWords(figures, scale.note) };
  viewer.measured.set(shape, result);
  return result;
}
