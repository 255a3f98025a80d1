// The colour maps, the colour bar, and figures in the format of core.overlay.

// Three significant digits, in the format of core.overlay.figure.
function figure(value) {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e5)) return String(Number(value.toPrecision(3))).replace("-", "−");
  const [mantissa, exponent] = value.toExponential(1).split("e");
  const raised = String(Number(exponent)).replace(/[-\d]/g, (sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]));
  return `${mantissa} × 10${raised}`.replace("-", "−");
}

function tablesOf(data) {
  const tables = {};
  for (const [name, text] of Object.entries(data.tables)) tables[name] = { name, rgb: decoded(text) };
  return tables;
}

// The colour map chosen for this kind of map; diverging ones only for signed maps.
function tableOf(tables, data, signed) {
  const names = signed ? data.diverging : data.sequential;
  const chosen = signed ? store.look.diverging : store.look.sequential;
  return tables[names.includes(chosen) ? chosen : names[0]];
}

// Draws the colour map as a bar, dimmed below the threshold; contour lines are ticks.
function drawBar(canvas, table, signed, threshold, ticks) {
  canvas.width = 256;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  const image = context.createImageData(256, 1);
  for (let x = 0; x < 256; x++) {
    const level = signed ? Math.max(x, 1) : x;
    const share = shareOf(level, signed);
    const tick = ticks.some((line) => Math.abs(share - line) < 0.012);
    const dim = share < threshold || ticks.length ? 0.25 : 1;
    const colour = tick ? lineColour(table, level) : [0, 1, 2].map((channel) => table.rgb[3 * level + channel] * dim);
    image.data.set(colour, 4 * x);
    image.data[4 * x + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
