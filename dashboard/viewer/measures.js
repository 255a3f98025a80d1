// Measurements of a drawn shape: figures, words and CSV from points in film px. Without state and without DOM.

// mm per film px across and down, or px if no size is known. size: source of the mm, or why there are none; note: the
// same in the form that follows a figure.
function scaleOf({ spacing, atDetector, untrusted }, calibration) {
  const pixels = (size) => ({ across: 1, down: 1, unit: "px", size, note: `, ${size}` });
  if (calibration) return { across: calibration, down: calibration, unit: "mm", size: "calibrated by hand", note: ", calibrated by hand" };
  if (untrusted) return pixels("the file's pixel size is not trusted");
  if (!spacing) return pixels("spacing unknown");
  const [down, across] = spacing;
  if (atDetector) return { across, down, unit: "mm", size: "at the detector", note: " at the detector" };
  return { across, down, unit: "mm", size: "of the file", note: "" };
}

function distance([x0, y0], [x1, y1], { across, down }) {
  return Math.hypot((x1 - x0) * across, (y1 - y0) * down);
}

// Degrees between two lines in the direction in which each was drawn, 0 to 180.
function degrees([a, b, c, d], { across, down }) {
  const bearing = ([x0, y0], [x1, y1]) => Math.atan2((y1 - y0) * down, (x1 - x0) * across);
  const turn = Math.abs(bearing(a, b) - bearing(c, d)) * (180 / Math.PI);
  return turn > 180 ? 360 - turn : turn;
}

// The last point of a second axis, moved so that the axis is at right angles to the first.
function squared([a, b, c, d], { across, down }) {
  const [u, v] = [-(b[1] - a[1]) * down, (b[0] - a[0]) * across];
  const size = Math.hypot(u, v) || 1;
  const along = ((d[0] - c[0]) * across * u + (d[1] - c[1]) * down * v) / size;
  return [c[0] + ((u / size) * along) / across, c[1] + ((v / size) * along) / down];
}

// {left, top, right, bottom} of the box between two corners.
function boxOf([[x0, y0], [x1, y1]]) {
  return { left: Math.min(x0, x1), top: Math.min(y0, y1), right: Math.max(x0, x1), bottom: Math.max(y0, y1) };
}

// Range of film px (the last not included) in which a row lies in the region, by pixel centres.
function spanOf(kind, points, row) {
  const { left, top, right, bottom } = boxOf(points);
  const y = row + 0.5;
  if (y < top || y >= bottom) return [0, 0];
  if (kind === "rectangle") return [Math.ceil(left - 0.5), Math.ceil(right - 0.5)];
  const [middle, half, high] = [(left + right) / 2, (right - left) / 2, (bottom - top) / 2];
  const share = (y - (top + bottom) / 2) / high;
  const reach = half * Math.sqrt(Math.max(0, 1 - share * share));
  return [Math.ceil(middle - reach - 0.5), Math.ceil(middle + reach - 0.5)];
}

// {mean, deviation, count} of the stored grey values in a region; the deviation is over all its px.
function greysIn(kind, points, { pixels, width, height }) {
  const { top, bottom } = boxOf(points);
  let [count, sum, squares] = [0, 0, 0];
  for (let row = Math.max(0, Math.floor(top)); row < Math.min(height, Math.ceil(bottom)); row++) {
    const [first, last] = spanOf(kind, points, row);
    for (let at = row * width + Math.max(0, first), end = row * width + Math.min(width, last); at < end; at++) {
      sum += pixels[at];
      squares += pixels[at] * pixels[at];
      count++;
    }
  }
  const mean = sum / count;
  return { count, mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
}

// Share of the positive heat that lies in a region, 0 to 1; NaN if there is none. On a grid of at most 256 × 256.
function heatShare(kind, points, heat, film) {
  const step = Math.max(film.width, film.height) / 256;
  const grid = { x: step / 2, y: step / 2, step, width: Math.ceil(film.width / step), height: Math.ceil(film.height / step) };
  let [inside, whole] = [0, 0];
  enlarged(heat, film, grid, (y, values, start, stop) => {
    const [first, last] = spanOf(kind, points, (y + 0.5) * step - 0.5);
    for (let x = start; x < stop; x++) {
      if (!(values[x] > 0)) continue;
      whole += values[x];
      const at = (x + 0.5) * step - 0.5;
      if (at >= first && at < last) inside += values[x];
    }
  });
  return inside / whole;
}

// The figures of a shape, by CSV column; figures that a kind does not have are left out.
function figuresOf({ kind, points, text }, film, scale, heat) {
  const figures = { kind, unit: scale.unit, size: scale.size };
  if (text) figures.text = text;
  if (points.length < KINDS[kind].points) return figures;
  if (kind === "length" || kind === "diameter") figures.length = distance(points[0], points[1], scale);
  if (kind === "diameter") figures.width = distance(points[2], points[3], scale);
  if (kind === "angle") figures.degrees = degrees(points, scale);
  if (kind === "rectangle" || kind === "ellipse") {
    const { left, top, right, bottom } = boxOf(points);
    const share = kind === "ellipse" ? Math.PI / 4 : 1;
    figures.area = (right - left) * scale.across * (bottom - top) * scale.down * share;
    if (film) Object.assign(figures, greysIn(kind, points, film));
    if (film && heat) figures.heat = heatShare(kind, points, heat, film);
  }
  return figures;
}

const round = (value, unit) => (unit === "mm" ? value.toFixed(1) : String(Math.round(value)));

// The figures in words, for the label beside the shape.
function measureWords(figures, note) {
  const { kind, unit, length, width, degrees: angle, area, mean, deviation, heat, text } = figures;
  if (kind === "arrow" || kind === "text") return text ?? "";
  if (kind === "lasso" || kind === "brush") return "";
  if (kind === "angle") return angle === undefined ? "Draw the second line" : `${angle.toFixed(1)}° (${(180 - angle).toFixed(1)}°)`;
  if (kind === "diameter") return length === undefined ? "Draw the short axis" : `${round(length, unit)} × ${round(width, unit)} ${unit}${note}`;
  if (kind === "length") return `${round(length, unit)} ${unit}${note}`;
  const greys = mean === undefined || Number.isNaN(mean) ? "" : `mean ${mean.toFixed(1)}, SD ${deviation.toFixed(1)} · `;
  const warm = heat === undefined || Number.isNaN(heat) ? "" : ` · ${Math.round(100 * heat)} % of the heat`;
  return `${greys}${round(area, unit)} ${unit}²${note}${warm}`;
}

const COLUMNS = ["number", "kind", "length", "width", "degrees", "area", "unit", "size", "mean", "deviation", "count", "heat", "text", "points", "mm_per_px", "film"];

// One line per shape; a text that a spreadsheet would read as a formula is marked as text.
function measuresCsv(rows) {
  const cell = (value) => {
    const words = typeof value === "number" ? (Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "") : String(value ?? "");
    const plain = typeof value === "string" && /^[=+\-@\t\r]/.test(words) ? `'${words}` : words;
    return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  const lines = rows.map((row) => COLUMNS.map((name) => cell(row[name])).join(","));
  return [COLUMNS.join(","), ...lines].join("\n") + "\n";
}
