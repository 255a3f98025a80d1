// Contour lines of the heat at shares of its own peak.

const LINES = [0.5, 0.8]; // of the map's own peak

// The map's own colour, lightened so that the lines are legible over a dark film.
function lineColour(table, level) {
  return [0, 1, 2].map((channel) => Math.round(0.65 * table.rgb[3 * level + channel] + 0.35 * 255));
}

// Contour lines: a light line over a dark one is legible on any grey; below zero they are dashed.
function drawContours(context, heat, film, table, pane, place, unit) {
  const every = Math.round(3 * unit);
  const grid = gridOf(pane, place, every);
  const field = new Float32Array(grid.width * grid.height);
  enlarged(heat, film, grid, (y, values) => field.set(values, y * grid.width));
  context.lineJoin = context.lineCap = "round";
  for (const sign of heat.signed ? [1, -1] : [1]) {
    for (const line of LINES) {
      const path = contour(field, grid, sign * line * heat.peak, pane, every);
      const share = Math.min(1, (line * heat.peak) / heat.scale);
      const level = heat.signed ? Math.round(128 + sign * 127 * share) : Math.round(255 * share);
      const [red, green, blue] = lineColour(table, level);
      context.setLineDash(sign < 0 ? [6 * unit, 5 * unit] : []);
      context.lineWidth = (line > 0.6 ? 4.5 : 3.5) * unit;
      context.strokeStyle = "rgb(0 0 0 / 0.75)";
      context.stroke(path);
      context.lineWidth = (line > 0.6 ? 2.5 : 1.5) * unit;
      context.strokeStyle = `rgb(${red} ${green} ${blue})`;
      context.stroke(path);
    }
  }
  context.setLineDash([]);
}

// Marching squares, joined into lines so that dashes run through.
function contour(field, { width, height }, value, pane, every) {
  const at = (index) => field[index] - value;
  const point = (edge) => {
    const [from, step] = edge % 2 ? [(edge - 1) / 2, width] : [edge / 2, 1];
    const share = at(from) / (at(from) - at(from + step));
    const x = (from % width) + (step === 1 ? share : 0);
    const y = Math.floor(from / width) + (step === 1 ? 0 : share);
    return [pane.left + (x + 0.5) * every, pane.top + (y + 0.5) * every];
  };
  const next = new Map(); // edge -> the edges it is joined to; an edge is 2 * index for the one to the right, + 1 down
  const join = (one, other) => {
    next.has(one) ? next.get(one).push(other) : next.set(one, [other]);
    next.has(other) ? next.get(other).push(one) : next.set(other, [one]);
  };
  for (let y = 0; y + 1 < height; y++) {
    for (let x = 0, i = y * width; x + 1 < width; x++, i++) {
      const [a, b, c, d] = [at(i), at(i + 1), at(i + width + 1), at(i + width)];
      if (!(a + b + c + d === a + b + c + d)) continue; // NaN: outside the box
      const kind = (a > 0 ? 1 : 0) | (b > 0 ? 2 : 0) | (c > 0 ? 4 : 0) | (d > 0 ? 8 : 0);
      if (kind === 0 || kind === 15) continue;
      const [top, right, bottom, left] = [2 * i, 2 * (i + 1) + 1, 2 * (i + width), 2 * i + 1];
      if (kind === 5 || kind === 10) {
        const joined = (a + b + c + d > 0) === (kind === 5);
        join(top, joined ? right : left);
        join(bottom, joined ? left : right);
      } else {
        const crossed = [];
        if (a > 0 !== b > 0) crossed.push(top);
        if (b > 0 !== c > 0) crossed.push(right);
        if (c > 0 !== d > 0) crossed.push(bottom);
        if (d > 0 !== a > 0) crossed.push(left);
        join(crossed[0], crossed[1]);
      }
    }
  }
  const path = new Path2D();
  const drop = (one, other) => {
    const left = next.get(one).filter((edge) => edge !== other);
    left.length ? next.set(one, left) : next.delete(one);
  };
  const walk = (start) => {
    path.moveTo(...point(start));
    for (let here = start; next.has(here); ) {
      const there = next.get(here)[0];
      drop(here, there);
      drop(there, here);
      path.lineTo(...point(there));
      here = there;
    }
  };
  for (const [edge, joined] of [...next]) if (joined.length === 1 && next.has(edge)) walk(edge); // open lines from an end
  for (const edge of [...next.keys()]) if (next.has(edge)) walk(edge);
  return path;
}
