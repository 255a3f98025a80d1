// The film through its window, at the resolution that the screen can show.

// The film halved `step` times, each pixel the mean of four: the source of smaller pictures.
function levelOf(film, step) {
  while (film.levels.length <= step) film.levels.push(halved(film.levels.at(-1)));
  return film.levels[step];
}

function halved({ pixels, width, height }) {
  const across = (width + 1) >> 1;
  const down = (height + 1) >> 1;
  const out = new pixels.constructor(across * down);
  for (let y = 0; y < down; y++) {
    const above = 2 * y * width;
    const below = Math.min(2 * y + 1, height - 1) * width;
    for (let x = 0, to = y * across; x < across; x++, to++) {
      const left = 2 * x;
      const right = left + 1 < width ? left + 1 : left;
      out[to] = (pixels[above + left] + pixels[above + right] + pixels[below + left] + pixels[below + right] + 2) >> 2;
    }
  }
  return { pixels: out, width: across, height: down };
}

// The film's overlays (DICOM's planes 60xx), each in one colour; converted to pictures once per film.
const PLANE = 0xff00d7ff; // ABGR

function drawPlanes(context, film, planes, place) {
  film.planes ??= planes.map((plane) => planePicture(plane, film));
  context.imageSmoothingEnabled = place.scale < 1;
  for (const picture of film.planes) {
    context.drawImage(picture, place.left, place.top, film.width * place.scale, film.height * place.scale);
  }
}

function planePicture({ bits }, { width, height }) {
  const packed = decoded(bits);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let at = 0; at < words.length; at++) if (packed[at >> 3] & (0x80 >> (at & 7))) words[at] = PLANE;
  context.putImageData(image, 0, 0);
  return canvas;
}

// A canvas that is filled pixel by pixel; it grows when needed and never shrinks.
class Sheet {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
    this.fingerprint = "";
  }

  // (pixels, stride) to fill, for a picture of width × height.
  open(width, height) {
    if (!this.image || width > this.canvas.width || height > this.canvas.height) {
      this.canvas.width = Math.max(this.canvas.width, (width + 63) & ~63);
      this.canvas.height = Math.max(this.canvas.height, (height + 63) & ~63);
      this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
      this.words = new Uint32Array(this.image.data.buffer);
    }
    return [this.words, this.canvas.width];
  }

  close(width, height) {
    this.context.putImageData(this.image, 0, 0, 0, 0, width, height);
  }
}

// Draws the visible part of the film. `sheet` remembers the windowed pixels, so that a change of heat costs nothing.
function drawFilm(context, sheet, film, view, pane, place, { smooth = true } = {}) {
  const { scale, left, top } = place;
  const step = Math.min(Math.max(Math.floor(Math.log2(1 / scale)), 0), 6);
  const level = levelOf(film, step);
  const cell = scale * 2 ** step; // canvas px
  const x0 = Math.max(0, Math.floor((pane.left - left) / cell) - 1);
  const y0 = Math.max(0, Math.floor((pane.top - top) / cell) - 1);
  const x1 = Math.min(level.width, Math.ceil((pane.left + pane.width - left) / cell) + 1);
  const y1 = Math.min(level.height, Math.ceil((pane.top + pane.height - top) / cell) + 1);
  if (x1 <= x0 || y1 <= y0) return;
  const width = x1 - x0;
  const height = y1 - y0;
  const fingerprint = [film.key, step, x0, y0, x1, y1, view.width, view.level, view.invert].join();
  if (sheet.fingerprint !== fingerprint) {
    const table = greys(view, film.bits);
    const [words, stride] = sheet.open(width, height);
    for (let y = 0; y < height; y++) {
      let from = (y0 + y) * level.width + x0;
      let to = y * stride;
      for (const end = to + width; to < end; ) words[to++] = table[level.pixels[from++]];
    }
    sheet.close(width, height);
    sheet.fingerprint = fingerprint;
  }
  context.save();
  context.beginPath(); // the last cell of a halved level may extend beyond the film
  context.rect(left, top, film.width * scale, film.height * scale);
  context.clip();
  context.imageSmoothingEnabled = smooth && cell !== 1;
  context.imageSmoothingQuality = cell < 1 ? "high" : "low";
  context.drawImage(sheet.canvas, 0, 0, width, height, left + x0 * cell, top + y0 * cell, width * cell, height * cell);
  context.restore();
}
