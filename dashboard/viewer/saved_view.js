// "Save what I see": the panes as displayed, in one PNG, with a full description burnt in below them.
const WRITING = { quiet: "#96969c", plain: "#e8e8ec", ground: "#101012", warn: "#e69f00", measure: "#f0e442" };
const NARROWEST = 480; // CSS px: a caption below a narrower pane would be illegible

// One picture of a viewer, or of all viewers of one bar of controls side by side.
function saveView(viewer, whole) {
  const panes = (whole ? linked(viewer) : [viewer]).filter(({ film, canvas }) => film && canvas).map(paneCanvas);
  const across = Math.min(panes.length, 3);
  const rows = Array.from({ length: Math.ceil(panes.length / across) }, (_, row) => panes.slice(row * across, (row + 1) * across));
  const heights = rows.map((row) => Math.max(...row.map(({ height }) => height)));
  const sheet = document.createElement("canvas");
  sheet.width = Math.max(...rows.map((row) => row.reduce((sum, { width }) => sum + width, 0)));
  sheet.height = heights.reduce((sum, height) => sum + height, 0);
  const context = sheet.getContext("2d");
  context.fillStyle = WRITING.ground;
  context.fillRect(0, 0, sheet.width, sheet.height);
  rows.forEach((row, index) => {
    const top = heights.slice(0, index).reduce((sum, height) => sum + height, 0);
    row.reduce((left, pane) => (context.drawImage(pane, left, top), left + pane.width), 0);
  });
  sheet.toBlob(async (blob) => {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    saveFile(new Blob([described(bytes, viewRecord(viewer))], { type: "image/png" }), `${fileStem(viewer)}-view.png`);
  }, "image/png");
}

// The lines below the picture: those of an exported overlay, then the view of the film.
function viewLines(viewer) {
  const { data, description, heat, heatShown, drawable, mode } = viewer;
  const view = viewer.view();
  const changed = changedWords(view);
  const lines = heat && (heatShown || !drawable) ? heat.legend : data.legend;
  const title = data.title.startsWith(description.name) ? "" : data.title; // the film's name follows
  const { look } = store;
  const share = (value) => `${Math.round(100 * value)} %`;
  const shown = heatShown && mode === "contours" ? "contour lines at 50 % and 80 % of the peak" : "";
  const cover = heatShown && mode !== "contours" ? `opacity ${share(look.opacity)}` : "";
  const cut = cover && look.threshold ? `hidden below ${share(look.threshold)}` : "";
  const how = [readoutWords(view).replaceAll("  ", " "), changed, drawable && !heatShown ? "heat switched off" : "", shown, cover, cut, NOTICE];
  const drawn = viewer.shapes.length ? [`Drawn by hand: ${scaleWords(viewer)}`] : [];
  const old = data.outdated && heatShown ? ["The map is the previous one; the new one was not ready."] : [];
  return [title, ...old, ...lines.slice(0, -1), how.filter(Boolean).join(" · "), ...drawn, lines.at(-1)].filter(Boolean);
}

function scaleWords({ description }) {
  const { unit, size } = scaleOf(description, calibrationOf(description));
  return unit === "mm" ? `pixel size ${size}` : `in px, ${size}`;
}

// The pane with everything over it, and its lines below.
function paneCanvas(viewer) {
  viewer.paint();
  const { unit, canvas } = viewer;
  const width = Math.max(canvas.width, Math.round(NARROWEST * unit));
  const letter = 13 * unit;
  const sheet = document.createElement("canvas");
  const context = sheet.getContext("2d");
  const font = `${letter}px ${getComputedStyle(viewer.root).fontFamily}`;
  context.font = font;
  const lines = viewLines(viewer).flatMap((line) => wrapped(context, line, width - 2 * letter));
  const bar = viewer.heatShown ? 3 * letter : 0;
  sheet.width = width;
  sheet.height = Math.round(canvas.height + bar + (1.45 * lines.length + 1.2) * letter);
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, canvas.height);
  context.fillStyle = WRITING.ground;
  context.fillRect(0, canvas.height, width, sheet.height);
  context.save();
  context.translate((width - canvas.width) >> 1, 0);
  context.drawImage(canvas, 0, 0);
  context.font = font;
  burnShapes(context, viewer, letter);
  burnSides(context, viewer, letter);
  context.restore();
  context.font = font;
  if (bar) burnBar(context, viewer, letter, canvas.height + letter / 2);
  lines.forEach((line, index) => {
    context.fillStyle = index === lines.length - 1 ? WRITING.quiet : WRITING.plain;
    context.fillText(line, letter, canvas.height + bar + (1.45 * index + 1.4) * letter);
  });
  return sheet;
}

function wrapped(context, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (lines.at(-1) && context.measureText(longer).width > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function burnShapes(context, viewer, letter) {
  const { unit, shapes } = viewer;
  for (const frame of viewer.frames()) {
    const { left, top, width, height } = frame.pane;
    context.save();
    context.translate(left, top);
    context.beginPath();
    context.rect(0, 0, width, height);
    context.clip();
    for (const shape of shapes) {
      const path = new Path2D(shapePath(shape, shape.points.map((point) => inPane({ viewer, frame }, ...point))));
      context.save();
      context.scale(unit, unit);
      context.lineCap = "round";
      for (const [ink, thick] of [["rgb(0 0 0 / 0.75)", 4], [WRITING.measure, 1.5]]) {
        Object.assign(context, { strokeStyle: ink, lineWidth: thick });
        context.stroke(path);
      }
      context.restore();
      burnLabel(context, figuresIn(viewer, shape).words, labelPlace({ viewer, frame }, shape), { unit, letter, width, height });
    }
    context.restore();
  }
}

function burnLabel(context, words, [u, v], { unit, letter, width, height }) {
  if (!words || u < 0 || v < 0 || u * unit > width || v * unit > height) return;
  const lines = wrapped(context, words, Math.min(width, 26 * letter) - letter);
  const wide = Math.max(...lines.map((line) => context.measureText(line).width)) + letter;
  const tall = (1.4 * lines.length + 0.4) * letter;
  const left = clamp((u + 8) * unit, 0, Math.max(0, width - wide));
  const top = clamp((v + 8) * unit, 0, Math.max(0, height - tall));
  context.fillStyle = "rgb(0 0 0 / 0.7)";
  context.fillRect(left, top, wide, tall);
  context.fillStyle = WRITING.measure;
  lines.forEach((line, index) => context.fillText(line, left + letter / 2, top + (1.4 * index + 1.25) * letter));
}

// R and L at their places on the screen, and the note on a mirrored or turned film.
function burnSides(context, { parts, canvas }, letter) {
  const { width, height } = canvas;
  const places = [[1.3 * letter, height / 2], [width / 2, 1.3 * letter], [width - 1.3 * letter, height / 2], [width / 2, height - 1.3 * letter]];
  const ink = parts.sides.classList.contains("changed") ? WRITING.warn : "#ccc";
  Object.assign(context, { textAlign: "center", textBaseline: "middle" });
  const write = (words, x, y) => {
    Object.assign(context, { strokeStyle: "#000", lineWidth: letter / 4, fillStyle: ink });
    context.strokeText(words, x, y);
    context.fillText(words, x, y);
  };
  [...parts.sides.children].forEach(({ textContent }, index) => textContent && write(textContent, ...places[index]));
  if (!parts.badge.hidden) write(parts.badge.textContent, width / 2, 1.3 * letter);
  Object.assign(context, { textAlign: "left", textBaseline: "alphabetic" });
}

function burnBar(context, { parts }, letter, top) {
  const long = 22 * letter;
  context.imageSmoothingEnabled = false;
  context.drawImage(parts.bar, letter, top, long, 0.8 * letter);
  context.fillStyle = WRITING.plain;
  const below = top + 2 * letter;
  context.fillText(parts.low.textContent, letter, below);
  context.textAlign = "center";
  context.fillText(parts.middle.textContent, letter + long / 2, below);
  context.textAlign = "right";
  context.fillText(parts.high.textContent, letter + long, below);
  context.textAlign = "left";
}

// The file's machine-readable description: the lines, and every measurement in film px.
function viewRecord(viewer) {
  const { description, heat, heatShown } = viewer;
  return {
    lines: viewLines(viewer),
    radiograph_key: filmKey(description),
    map_key: heatShown ? heat.key : null,
    view: viewer.view(),
    measurements: viewer.shapes.map((shape) => ({ ...figuresIn(viewer, shape).figures, points: shape.points })),
  };
}

// The PNG with a text chunk (iTXt, UTF-8) "Lightbox" after its header.
function described(png, record) {
  const words = new TextEncoder().encode(`iTXtLightbox\0\0\0\0\0${JSON.stringify(record)}`);
  const chunk = new Uint8Array(words.length + 8);
  const fields = new DataView(chunk.buffer);
  fields.setUint32(0, words.length - 4);
  chunk.set(words, 4);
  fields.setUint32(words.length + 4, crc32(words));
  const header = 33; // signature and IHDR
  const out = new Uint8Array(png.length + chunk.length);
  out.set(png.subarray(0, header));
  out.set(chunk, header);
  out.set(png.subarray(header), header + chunk.length);
  return out;
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
