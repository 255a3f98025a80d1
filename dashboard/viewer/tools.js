// The controls: a rail beside one viewer, or one bar for all viewers of a link. They act on the viewer of `lead`.
const MODES = ["heat", "contours", "beside"];
const MEASURES = [["ellipse", "U"], ["rectangle", "Q"], ["angle", "A"], ["diameter", "D"], ["arrow", "N"], ["text", "X"], ["lasso", ""], ["brush", ""]];
const kindButton = ([kind, key]) => button(kind, KINDS[kind].title, key, icon(kind) + KINDS[kind].title);

const TOOLS = `
  <div class="tools" role="group" aria-label="Radiograph viewer" data-testid="tools">
    <div class="group" role="group" aria-label="Left drag">
      ${button("window", "Set window by dragging", "W", icon("window") + "<span>Window</span>")}
      ${button("pan", "Pan by dragging", "P", icon("pan") + "<span>Pan</span>")}
      ${button("length", "Measure a length by dragging", "L", icon("length") + "<span>Length</span>")}
      ${button("measures", "Measuring tools and list of measurements", "", icon("measures"))}
      ${button("loupe", "Magnifying glass on the film's own pixels", "G", icon("loupe"))}
    </div>
    <div class="group" role="group" aria-label="Zoom">
      ${button("farther", "Zoom out", "−", icon("farther"))}
      ${button("closer", "Zoom in", "+", icon("closer"))}
      ${button("reset", "Reset zoom, window, turn and mirror", "0", icon("fit"))}
    </div>
    <div class="group" role="group" aria-label="Film">
      ${button("invert", "Invert grey scale", "I", icon("invert"))}
      ${button("turn", "Turn by 90° right", "R", icon("turn"))}
      ${button("flip", "Mirror left to right", "F", icon("flip"))}
      ${button("planes", "Overlays that the file stores beside its pixels", "V", icon("planes") + "<span>File overlay</span>")}
    </div>
    <div class="group joined" role="group" aria-label="How the heat is shown" data-part="modes">
      ${button("heat", "Heat", "M", icon("heat") + "<span>Heat</span>")}
      ${button("contours", "Contour lines at 50 and 80 percent of the peak", "M", icon("contours") + "<span>Contours</span>")}
      ${button("beside", "Bare film beside the heat", "M", icon("beside") + "<span>Side by side</span>")}
    </div>
    <div class="group">${button("peek", "Hold to look at the bare film", "hold Space", icon("eye") + "<span>Bare film</span>")}</div>
    <label class="slider" data-part="opacities" title="Opacity of the heat (, and .)"><span>Opacity</span><input type="range" min="0" max="1" step="0.01" data-look="opacity" aria-label="Opacity of the heat"><output></output></label>
    <div class="group last">
      ${button("more", "More controls: window, colours, threshold", "", icon("more"))}
      ${button("save", "Save this view as a picture (PNG)", "S", icon("save"))}
      ${button("fold", "Collapse the text beside the film", "B", icon("fold"))}
      ${button("expand", "Present on the full screen", "E", icon("expand"))}
      ${button("help", "Keys, mouse and touch", "?", icon("help"))}
    </div>
    <div class="drawer" data-part="drawer">
      <label class="choice" data-part="greys"><span>Window</span><select data-part="preset" aria-label="Window preset"></select></label>
      ${button("adopt", "Use this window for the model, too", "", "Window for the model")}
      <label class="choice" data-part="palette"><span>Colours</span><select data-part="colours" aria-label="Colour map"></select></label>
      <label class="slider" data-part="thresholds"><span>Hide below</span><input type="range" min="0" max="0.95" step="0.01" data-look="threshold" aria-label="Hide heat below this share of the scale"><output></output></label>
      ${button("texts", "Text in the corners of the film", "T", "Text in the corners")}
    </div>
    <div class="drawer measures" data-part="measures">
      <div class="kinds" role="group" aria-label="Measuring tools">${MEASURES.map(kindButton).join("")}</div>
      <ol class="list" data-part="list" data-testid="measures" aria-label="Measurements"></ol>
      <div class="kinds">
        ${button("undo", "Undo", "Ctrl Z", icon("undo") + "Undo")}
        ${button("redo", "Redo", "Ctrl Shift Z", icon("redo") + "Redo")}
        ${button("table", "Save the list as a table (CSV)", "", "Save as CSV")}
      </div>
    </div>
  </div>`;

const COLOUR_NAMES = {
  managua_r: "Blue to orange",
  berlin: "Blue to red",
  vanimo_r: "Green to purple",
};
const colourName = (name) => COLOUR_NAMES[name] ?? name[0].toUpperCase() + name.slice(1);

class Tools {
  // root: an element that contains TOOLS; lead: () => viewer, undefined if there is none.
  constructor(root, lead) {
    this.root = root;
    this.lead = lead;
    this.parts = partsOf(root);
    this.drawn = "measures"; // the icon on the button of the measuring tools
    this.listen();
  }

  listen() {
    const { root, parts } = this;
    root.addEventListener("click", (event) => {
      const pressed = event.target.closest("[data-act]");
      if (pressed && pressed.dataset.act !== "peek") this.act(pressed.dataset.act, pressed);
    });
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.target.matches("input[type=text]") || !this.close()) return;
      event.stopPropagation();
    });
    const peek = root.querySelector('[data-act="peek"]');
    peek.addEventListener("pointerdown", (event) => {
      peek.setPointerCapture(event.pointerId);
      this.lead()?.peek(true);
    });
    for (const end of ["pointerup", "pointercancel", "blur"]) {
      peek.addEventListener(end, () => this.lead()?.peek(false));
    }
    peek.addEventListener("contextmenu", (event) => event.preventDefault());
    peek.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key === "Enter") this.lead()?.peek(true);
    });
    peek.addEventListener("keyup", () => this.lead()?.peek(false));
    for (const part of [parts.opacities, parts.thresholds]) {
      const input = part.querySelector("input");
      input.addEventListener("input", () => {
        store.look[input.dataset.look] = Number(input.value);
        tell();
      });
    }
    parts.colours.addEventListener("change", () => {
      store.look[this.lead()?.heat?.signed ? "diverging" : "sequential"] = parts.colours.value;
      tell();
    });
    parts.preset.addEventListener("change", () => this.act(parts.preset.value));
  }

  act(name, pressed) {
    if (name === "more" || name === "measures") this.open(name);
    else if (name in KINDS) this.choose(name);
    else if (name === "help") openHelp(this.root);
    else this.lead()?.act(name, pressed);
  }

  // Chooses a measuring tool and closes the drawer, so that it does not cover the film.
  choose(kind) {
    this.root.classList.remove("open-measures");
    this.lead()?.act(kind);
  }

  // Opens or closes one of the two drawers.
  open(name) {
    for (const each of ["more", "measures"]) {
      this.press(each, this.root.classList.toggle(`open-${each}`, each === name && !this.root.classList.contains(`open-${each}`)));
    }
    this.sync();
  }

  // Closes the open drawer; whether there was one.
  close() {
    const open = ["more", "measures"].find((name) => this.root.classList.contains(`open-${name}`));
    if (open) this.open(open);
    return Boolean(open);
  }

  // Shows the state.
  sync() {
    const { root, parts } = this;
    const viewer = this.lead();
    const { look } = store;
    const drawable = Boolean(viewer?.drawable);
    for (const each of root.querySelectorAll(".tools :is(button, select)")) each.disabled = !viewer?.film;
    for (const tool of ["window", "pan", ...Object.keys(KINDS)]) this.press(tool, look.tool === tool);
    this.syncMeasures(viewer);
    this.press("loupe", look.loupe);
    this.press("planes", look.planes);
    this.find("planes").hidden = !viewer?.description?.planes.length;
    for (const mode of MODES) this.press(mode, drawable && look.shown && viewer.mode === mode);
    for (const name of ["invert", "flip"]) this.press(name, viewer?.view()[name]);
    this.press("peek", viewer?.peeking || !look.shown);
    for (const name of [...MODES, "peek"]) this.find(name).disabled = !drawable;
    this.find("fold").hidden = !root.getRootNode().host?.closest(FOLDABLE);
    this.press("fold", document.documentElement.classList.contains(FOLDED));
    this.find("texts").hidden = root.classList.contains("alone");
    this.press("texts", look.texts);
    this.press("more", root.classList.contains("open-more"));
    this.find("beside").hidden = Boolean(viewer?.data.compact);
    this.find("help").disabled = this.find("more").disabled = this.find("measures").disabled = false;
    const filled = drawable && viewer.mode !== "contours";
    for (const part of [parts.opacities, parts.thresholds]) {
      const input = part.querySelector("input");
      input.disabled = !filled;
      input.value = look[input.dataset.look] ?? 0;
      write(part.querySelector("output"), `${Math.round(100 * input.value)} %`);
    }
    parts.colours.disabled = !drawable;
    if (!viewer) return;
    const names = viewer.heat?.signed ? viewer.data.diverging : viewer.data.sequential;
    fill(parts.colours, names.map((name) => [name, colourName(name)]), viewer.table?.name ?? names[0]);
    const windows = viewer.description.windows.map(([name], index) => [`file${index}`, name]);
    const presets = Object.entries(PRESETS);
    fill(parts.preset, [presets[0], ...windows, ...presets.slice(1), ["custom", "Set by hand"]], viewer.view().preset);
    Object.assign(parts.preset.lastChild, { disabled: true, hidden: true });
  }

  // Shows the chosen measuring tool and the measurements; the list is there while its drawer is open.
  syncMeasures(viewer) {
    const chosen = MEASURES.some(([kind]) => kind === store.look.tool);
    const open = this.root.classList.contains("open-measures");
    this.press("measures", chosen || open);
    const name = chosen ? store.look.tool : "measures";
    if (this.drawn !== name) this.find("measures").innerHTML = icon((this.drawn = name));
    if (!viewer?.description || !open) return;
    const { past, future } = historyOf(viewer.description);
    const shapes = shapesOf(viewer.description);
    this.find("undo").disabled = !past.length;
    this.find("redo").disabled = !future.length;
    this.find("table").disabled = !shapes.length;
    listMeasures(this.parts.list, viewer, shapes);
  }

  find(act) {
    return this.root.querySelector(`.tools [data-act="${act}"]`);
  }

  press(act, pressed) {
    this.find(act).setAttribute("aria-pressed", String(Boolean(pressed)));
  }
}

function partsOf(root) {
  const parts = {};
  for (const element of root.querySelectorAll("[data-part]")) parts[element.dataset.part] = element;
  return parts;
}

// Writes text only if it changed, to avoid needless announcements and layout.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fill(select, options, chosen) {
  const names = options.flat().join();
  if (select.dataset.names !== names) {
    select.dataset.names = names;
    select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
  }
  if (select.value !== chosen) select.value = chosen;
}
