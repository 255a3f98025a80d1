// Heat from its small map to the screen, by the same rule as core/overlay.py and core/image/prepare.py (enlarge):
// bilinear between cell centres, constant beyond them, nothing outside the box; a browser test compares the pixels.

function decoded(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

// The map as received, with its values turned upright.
function heatOf(entry) {
  return uprightHeat(entry, new Float32Array(decoded(entry.heat).buffer));
}

function uprightHeat(entry, values) {
  let { width, height } = entry;
  for (let turn = 0; turn < entry.turn; turn++) {
    const turned = new Float32Array(values.length); // a quarter turn clockwise
    for (let y = 0; y < width; y++) {
      for (let x = 0; x < height; x++) turned[y * height + x] = values[(height - 1 - x) * width + y];
    }
    values = turned;
    [width, height] = [height, width];
  }
  const [x0, y0, x1, y1] = entry.box;
  if (x0 <= x1) return { ...entry, values, across: width, down: height };
  const mirrored = new Float32Array(values.length); // the network saw the film mirrored
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) mirrored[y * width + x] = values[y * width + width - 1 - x];
  }
  return { ...entry, values: mirrored, box: [x1, y0, x0, y1], across: width, down: height };
}

// The positions first + i * step (film px), i < count, within the box and the film, i from `start` to `stop`: the cell
// before, the cell after, and the weight of the cell after.
function weights(first, step, count, low, high, size, cells) {
  const before = new Int32Array(count);
  const after = new Int32Array(count);
  const share = new Float32Array(count);
  let [start, stop] = [count, 0];
  for (let index = 0; index < count; index++) {
    const at = first + index * step;
    if (at < low || at >= high || at < 0 || at >= size) continue;
    if (start === count) start = index;
    stop = index + 1;
    const position = Math.min(Math.max(((at - low) / (high - low)) * cells - 0.5, 0), cells - 1);
    before[index] = Math.min(Math.floor(position), Math.max(cells - 2, 0));
    after[index] = Math.min(before[index] + 1, cells - 1);
    share[index] = position - before[index];
  }
  return { before, after, share, start, stop };
}

// Calls row(y, values, start, stop) for every row of the grid: its values from `start` to `stop`, NaN beyond them, which
// is outside the box or the film.
function enlarged(heat, film, grid, row) {
  const [x0, y0, x1, y1] = heat.box;
  const across = weights(grid.x, grid.step, grid.width, x0, x1, film.width, heat.across);
  const down = weights(grid.y, grid.step, grid.height, y0, y1, film.height, heat.down);
  const { before, after, share, start, stop } = across;
  const mixed = new Float32Array(heat.across);
  const values = new Float32Array(grid.width).fill(NaN);
  const nothing = new Float32Array(grid.width).fill(NaN);
  for (let y = 0; y < grid.height; y++) {
    if (y < down.start || y >= down.stop) {
      row(y, nothing, 0, 0);
      continue;
    }
    const above = down.before[y] * heat.across;
    const below = down.after[y] * heat.across;
    const low = down.share[y];
    for (let x = 0; x < heat.across; x++) {
      mixed[x] = heat.values[above + x] * (1 - low) + heat.values[below + x] * low;
    }
    for (let x = start; x < stop; x++) {
      values[x] = mixed[before[x]] * (1 - share[x]) + mixed[after[x]] * share[x];
    }
    row(y, values, start, stop);
  }
}

function shareOf(level, signed) {
  return signed ? Math.min(Math.abs(level - 128) / 127, 1) : level / 255;
}

// 256 words of red, green, blue, alpha: colour and coverage of each level at full opacity.
function palette(table, signed, threshold) {
  const words = new Uint32Array(256);
  for (let level = 0; level < 256; level++) {
    const share = shareOf(level, signed);
    const alpha = share >= threshold ? Math.round(255 * Math.min(1, 2 * share)) : 0;
    words[level] =
      ((alpha << 24) | (table[3 * level + 2] << 16) | (table[3 * level + 1] << 8) | table[3 * level]) >>> 0;
  }
  return words;
}

// The grid of canvas pixel centres in film px, every `every` canvas px.
function gridOf(pane, place, every) {
  const step = every / place.scale;
  return {
    x: (pane.left + every / 2 - place.left) / place.scale,
    y: (pane.top + every / 2 - place.top) / place.scale,
    step,
    width: Math.ceil(pane.width / every),
    height: Math.ceil(pane.height / every),
  };
}

const FINEST = 2 ** 21; // canvas px; beyond (a large high-density screen) every second pixel is interpolated by the canvas

function drawHeat(context, sheet, heat, film, look, table, pane, place) {
  const every = pane.width * pane.height > FINEST ? 2 : 1;
  const grid = gridOf(pane, place, every);
  const fingerprint = [heat.key, heat.scale, film.key, look.threshold, table.name, pane.width, pane.height].join();
  const where = [place.scale, place.left - pane.left, place.top - pane.top].join();
  if (sheet.fingerprint !== fingerprint + where) {
    const words = palette(table.rgb, heat.signed, look.threshold);
    const [pixels, stride] = sheet.open(grid.width, grid.height);
    const factor = (heat.signed ? 127 : 255) / heat.scale;
    const middle = heat.signed ? 128.5 : 0.5;
    const least = heat.signed ? 1 : 0;
    enlarged(heat, film, grid, (y, values, start, stop) => {
      const line = y * stride;
      pixels.fill(0, line, line + grid.width);
      for (let x = start; x < stop; x++) {
        const level = Math.floor(values[x] * factor + middle);
        pixels[line + x] = words[level > 255 ? 255 : level < least ? least : level];
      }
    });
    sheet.close(grid.width, grid.height);
    sheet.fingerprint = fingerprint + where;
  }
  context.globalAlpha = look.opacity;
  context.imageSmoothingEnabled = every !== 1;
  const [width, height] = [grid.width, grid.height];
  context.drawImage(sheet.canvas, 0, 0, width, height, pane.left, pane.top, width * every, height * every);
  context.globalAlpha = 1;
}

// The heat in the film pixel (x, y), as core's enlarge gives it; NaN outside the box.
function heatAt(heat, film, x, y) {
  let value = NaN;
  const grid = { x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5, step: 1, width: 1, height: 1 };
  enlarged(heat, film, grid, (_, values) => (value = values[0]));
  return value;
}
