// The lines below the film: readout, probe, colour bar, and caption.
const PANE = `
  <p class="title" data-part="title" hidden></p>
  <div class="stage" data-part="stage">
    <canvas data-part="canvas" data-testid="film" tabindex="0" role="application" aria-roledescription="radiograph viewer"></canvas>
    <svg class="lines" data-part="lines" aria-hidden="true"></svg>
    <div class="sides" data-part="sides" aria-hidden="true"><span></span><span></span><span></span><span></span></div>
    <p class="badge" data-part="badge" data-testid="badge" role="status" hidden></p>
    <p class="hint" data-part="hint" data-testid="zoom-hint">Click into the film, or hold Ctrl, to zoom with the wheel</p>
    <div class="loupe" data-part="loupe" data-testid="loupe" hidden><canvas></canvas><span></span></div>
    <div data-part="labels" data-testid="lengths"></div>
    <div class="veil" data-part="veil" role="status"><span data-part="word"></span>${button("retry", "Try again", "", "Try again")}</div>
  </div>
  <div class="line">
    <p class="readout" data-part="readout" data-testid="readout"></p>
    <button type="button" class="clear" data-part="clear" data-act="clear" hidden></button>
    <p class="probe" data-part="probe" data-testid="probe"></p>
  </div>
  <div class="legend" data-part="legend" data-testid="legend">
    <div class="scale" data-part="scale">
      <canvas class="bar" data-part="bar" data-testid="colour-bar" role="img"></canvas>
      <span data-part="low"></span><span class="middle" data-part="middle"></span><span class="high" data-part="high"></span>
    </div>
    <div class="words">
      <p data-part="caption" data-testid="caption"></p>
      <p class="quiet about"><span class="drawn" data-part="drawn">Drawn phantom</span><span data-part="name" data-testid="film-name"></span><span data-part="notice">${NOTICE}</span></p>
    </div>
    <div class="step" data-part="step">${button("before", "Previous map", "[", icon("before"))}<span data-part="count"></span>${button("after", "Next map", "]", icon("after"))}</div>
  </div>`;

function syncLegend(viewer) {
  const { parts, root, data, description, heat, heats, drawable, mode } = viewer;
  write(parts.title, data.title);
  parts.title.title = data.title;
  parts.title.hidden = !data.title;
  write(parts.readout, readoutWords(viewer.view()));
  write(parts.name, description.name);
  parts.drawn.hidden = !description.drawn;
  const lines = mode === "contours" ? " · lines at 50 % and 80 % of the peak" : "";
  write(parts.caption, heat ? heat.absence ?? heat.caption + lines : data.note || "No heat map");
  parts.caption.classList.toggle("quiet", !heat && !data.note);
  parts.scale.hidden = !drawable;
  root.classList.toggle("bare", drawable && !viewer.heatShown);
  if (drawable) syncScale(viewer);
  parts.step.hidden = heats.length < 2;
  write(parts.count, `${heats.indexOf(heat) + 1} of ${heats.length}`);
  syncClear(parts.clear, viewer);
}

function syncClear(element, viewer) {
  const { length } = viewer ? shapesOf(viewer.description) : [];
  element.hidden = !length;
  write(element, length === 1 ? "Clear measurement" : `Clear ${length} measurements`);
}

function readoutWords(view) {
  const zoom = `zoom ${view.zoom.toFixed(view.zoom < 10 ? 1 : 0)}×`;
  return [windowWords(view), zoom, view.invert ? "inverted" : ""].filter(Boolean).join(" · ");
}

function syncScale({ parts, heat, mode, table }) {
  const threshold = mode === "contours" ? 0 : store.look.threshold;
  const ticks = mode === "contours" ? LINES.map((line) => (line * heat.peak) / heat.scale) : [];
  const fingerprint = [table.name, heat.signed, threshold, ticks].join();
  if (parts.bar.dataset.drawn !== fingerprint) {
    drawBar(parts.bar, table, heat.signed, threshold, ticks);
    parts.bar.dataset.drawn = fingerprint;
  }
  const low = heat.signed ? figure(-heat.scale) : "0";
  const high = `${figure(heat.scale)} ${heat.unit}`;
  write(parts.low, low);
  write(parts.middle, heat.signed ? "0" : "");
  write(parts.high, high);
  parts.bar.setAttribute("aria-label", `Colour bar from ${low} to ${high}`);
}

// A description of the picture for screen readers.
function spoken(viewer) {
  const { description, heat, data } = viewer;
  const drawn = description.drawn ? "Drawn phantom" : "Radiograph";
  const over = !heat ? "" : heat.absence ? `. ${heat.absence}` : viewer.heatShown ? `, with heat map: ${heat.caption}` : ", bare";
  const changed = changedWords(viewer.view());
  return `${data.title ? `${data.title}. ` : ""}${drawn} ${description.name}${over}${changed ? `. Shown ${changed}` : ""}`;
}
