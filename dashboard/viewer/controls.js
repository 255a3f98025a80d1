// What surrounds the film: readout, legend, tools, help. Fixed markup; every text from outside enters by textContent.
const ICONS = {
  pan: '<path d="M10 2.5v15M2.5 10h15M10 2.5 7.8 4.7M10 2.5l2.2 2.2M10 17.5l-2.2-2.2M10 17.5l2.2-2.2M2.5 10l2.2-2.2M2.5 10l2.2 2.2M17.5 10l-2.2-2.2M17.5 10l-2.2 2.2"/>',
  window: '<circle cx="10" cy="10" r="7"/><path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" stroke="none"/>',
  closer: '<path d="M10 4.5v11M4.5 10h11"/>',
  farther: '<path d="M4.5 10h11"/>',
  fit: '<path d="M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4"/>',
  invert: '<rect x="3.5" y="3.5" width="13" height="13" rx="1.5"/><path d="M3.5 16.5 16.5 3.5v11.5a1.5 1.5 0 0 1-1.5 1.5z" fill="currentColor" stroke="none"/>',
  eye: '<path d="M2 10s3-5.5 8-5.5S18 10 18 10s-3 5.5-8 5.5S2 10 2 10z"/><circle cx="10" cy="10" r="2.4"/>',
  more: '<path d="M3.5 6h6M13.5 6h3M3.5 14h3M10.5 14h6"/><circle cx="11.5" cy="6" r="2"/><circle cx="8.5" cy="14" r="2"/>',
  help: '<path d="M7.4 7.6c0-1.5 1.2-2.5 2.7-2.5s2.6 1 2.6 2.4c0 1.9-2.6 2-2.6 4.1"/><path d="M10.1 14.8v.1"/>',
  before: '<path d="M12 5l-5 5 5 5"/>',
  after: '<path d="M8 5l5 5-5 5"/>',
};
const icon = (name) => `<svg viewBox="0 0 20 20" aria-hidden="true">${ICONS[name]}</svg>`;
const button = (act, label, key, inside) =>
  `<button type="button" data-act="${act}" aria-label="${label}" title="${label}${key ? ` (${key})` : ""}">${inside}</button>`;

const KEYS = [
  ["hold Space or H", "look at the bare film"],
  ["O", "heat on or off"],
  ["M", "heat, contour lines, side by side"],
  ["[ and ]", "previous and next map, where there are several"],
  [", and .", "heat fainter or stronger"],
  ["I", "invert the grey scale"],
  ["W, P", "left drag sets the window, or pans"],
  ["+ and −, wheel, pinch", "zoom"],
  ["1", "one film pixel on one screen pixel"],
  ["arrow keys", "pan"],
  ["Shift and arrow keys", "window wider or narrower, level up or down"],
  ["0 or double click", "reset zoom and window"],
  ["Esc", "close this list"],
];

const MARKUP = `
  <p class="title" data-part="title" hidden></p>
  <div class="stage" data-part="stage">
    <canvas data-part="canvas" data-testid="film" tabindex="0" role="application" aria-roledescription="radiograph viewer"></canvas>
    <div class="veil" data-part="veil" role="status"><span data-part="word"></span>${button("retry", "Try again", "", "Try again")}</div>
    <section class="help" data-part="help" role="dialog" aria-label="Keys and mouse" hidden>
      <dl></dl>
      <p>Left drag uses the chosen tool; right drag always sets the window (across: width, up and down: level);
      middle or Shift drag pans. On a touch screen one finger uses the tool, two zoom and pan.</p>
      <p>Heat hides the film in proportion to its strength, up to half of the scale; from there on the opacity is full.</p>
      <p>A browser's eight-bit grey is no diagnostic display.</p>
      ${button("help", "Close", "Esc", "Close")}
    </section>
  </div>
  <div class="line">
    <p class="readout" data-part="readout" data-testid="readout"></p>
    <p class="probe" data-part="probe" data-testid="probe"></p>
  </div>
  <div class="legend" data-part="legend" data-testid="legend">
    <div class="scale" data-part="scale">
      <canvas class="bar" data-part="bar" data-testid="colour-bar" role="img"></canvas>
      <span data-part="low"></span><span class="middle" data-part="middle"></span><span class="high" data-part="high"></span>
    </div>
    <div class="words">
      <p data-part="caption" data-testid="caption"></p>
      <p class="quiet"><span class="drawn" data-part="drawn">Drawn phantom</span><span data-part="name" data-testid="film-name"></span></p>
    </div>
    <div class="step" data-part="step">${button("before", "Previous map", "[", icon("before"))}<span data-part="count"></span>${button("after", "Next map", "]", icon("after"))}</div>
  </div>
  <div class="tools" role="toolbar" aria-label="Radiograph viewer">
    <div class="group" role="group" aria-label="Left drag">
      ${button("window", "Set window by dragging", "W", icon("window") + "<span>Window</span>")}
      ${button("pan", "Pan by dragging", "P", icon("pan") + "<span>Pan</span>")}
    </div>
    <div class="group" role="group" aria-label="Zoom">
      ${button("farther", "Zoom out", "−", icon("farther"))}
      ${button("closer", "Zoom in", "+", icon("closer"))}
      ${button("reset", "Reset zoom and window", "0", icon("fit"))}
    </div>
    <div class="group">
      ${button("invert", "Invert grey scale", "I", icon("invert"))}
    </div>
    <div class="group joined" role="group" aria-label="How the heat is shown" data-part="modes">
      ${button("heat", "Heat", "M", "Heat")}
      ${button("contours", "Contour lines at 50 and 80 percent of the peak", "M", "Contours")}
      ${button("beside", "Bare film beside the heat", "M", "Side by side")}
    </div>
    <div class="group">
      ${button("peek", "Hold to look at the bare film", "hold Space", icon("eye") + "<span>Bare film</span>")}
    </div>
    <div class="group last">
      ${button("more", "More controls", "", icon("more"))}
      ${button("help", "Keys and mouse", "?", icon("help"))}
    </div>
    <div class="break"></div>
    <label class="slider" data-part="opacities"><span>Opacity</span><input type="range" min="0" max="1" step="0.01" data-look="opacity" aria-label="Opacity of the heat"><output></output></label>
    <div class="folded" data-part="folded">
      <label class="slider" data-part="thresholds"><span>Threshold</span><input type="range" min="0" max="0.95" step="0.01" data-look="threshold" aria-label="Heat below this share of the scale is hidden"><output></output></label>
      <label class="choice"><span>Colours</span><select data-part="colours" aria-label="Colour map"></select></label>
      <label class="choice"><span>Grey</span><select data-part="preset" aria-label="Window preset">
        <option value="film">Film's own window</option><option value="percentile">Percentile 1–99</option>
        <option value="full">Full range</option><option value="custom" disabled hidden>Set by hand</option>
      </select></label>
    </div>
  </div>`;

const COLOUR_NAMES = {
  managua_r: "Blue to orange",
  berlin: "Blue to red",
  vanimo_r: "Green to purple",
};

// Builds the controls into `root` and returns the parts by name.
function build(root) {
  root.innerHTML = MARKUP;
  const parts = {};
  for (const element of root.querySelectorAll("[data-part]")) parts[element.dataset.part] = element;
  const list = parts.help.querySelector("dl");
  for (const [key, meaning] of KEYS) {
    list.append(Object.assign(document.createElement("dt"), { textContent: key }));
    list.append(Object.assign(document.createElement("dd"), { textContent: meaning }));
  }
  return parts;
}

function press(root, act, pressed) {
  root.querySelector(`.tools [data-act="${act}"]`).setAttribute("aria-pressed", String(pressed));
}

// Writes text only where it changed, so that nothing is read out or laid out again without need.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fillColours(select, names, chosen) {
  if (select.dataset.names !== names.join()) {
    select.dataset.names = names.join();
    const label = (name) => COLOUR_NAMES[name] ?? name[0].toUpperCase() + name.slice(1);
    select.replaceChildren(...names.map((name) => new Option(label(name), name)));
  }
  if (select.value !== chosen) select.value = chosen;
}
