// One viewer. Streamlit calls the default export whenever its data changes, always with the same parent.
const OUTDATED = 0.4; // share of the opacity, for a map about to be replaced
const MOST_AROUND = 420; // CSS px above and below the film; with more content there, the page scrolls
const SAME = 2; // canvas px by which linked panes may differ and still show the same pixels

class Viewer {
  constructor(root) {
    this.root = root;
    this.peeking = false;
    this.begun = null; // the hold on the shape begun by keys, see takeShape
    this.sheets = { film: new Sheet(), heat: new Sheet(), loupe: new Sheet() };
    root.innerHTML = `<div class="frame">${PANE}${TOOLS}</div>`;
    this.tools = new Tools(root, () => this);
    this.parts = this.tools.parts;
    this.canvas = this.parts.canvas;
    this.context = this.canvas.getContext("2d");
    this.request = () => (this.waiting ??= requestAnimationFrame(() => this.paint()));
    store.listeners.add(this.request);
    store.viewers.add(this);
    this.resizes = new ResizeObserver(() => this.resized());
    this.resizes.observe(this.parts.stage);
    const page = root.getRootNode().host?.closest(FOLDABLE);
    if (page) this.resizes.observe(page); // an additional line above the film moves it
    this.stopKeys = listenToKeys(root, () => this);
    listenToPointer(this);
  }

  close() {
    pointAway(this);
    store.viewers.delete(this);
    store.listeners.delete(this.request);
    this.resizes.disconnect();
    this.stopKeys();
    cancelAnimationFrame(this.waiting);
    tell(); // a bar of controls may have lost the last viewer of its link
  }

  update(data) {
    this.key = data.viewer;
    this.link = data.link;
    this.root.classList.toggle("compact", data.compact);
    this.root.classList.toggle("whole", !data.compact);
    this.data = data;
    this.tables = tablesOf(data);
    this.heats = data.maps.map(heatOf);
    store.usualOpacity = data.opacity;
    store.look.opacity ??= data.opacity;
    const other = this.description?.key !== data.film.key;
    this.description = data.film;
    const { turn, flip, invert } = data.film; // the server stores them with the film, since they affect the network's input, too
    Object.assign(this.view(), { turn, flip, invert });
    this.root.style.setProperty("--aspect", `${data.film.width} / ${data.film.height}`);
    this.root.style.setProperty("--height", data.height ? `${data.height}px` : "");
    if (other) {
      store.front = data.film;
      this.begun = null;
      this.fetch();
    } else this.request();
    tell();
  }

  view() {
    return viewOf(this.description);
  }

  // Shapes drawn on its film, see shapes.js.
  get shapes() {
    return shapesOf(this.description);
  }

  // The film of the present description, once its pixels are loaded.
  fetch() {
    const { description } = this;
    this.film = filmAt(description.key) ?? null;
    if (this.film) {
      this.request();
      return;
    }
    this.cover("Loading film…");
    const progress = (share) => {
      if (this.description.key === description.key) {
        write(this.parts.word, share < 1 ? `Loading film… ${Math.round(100 * share)} %` : "Loading film…");
      }
    };
    filmOf(description, progress).then(
      (film) => {
        if (this.description.key !== film.key) return;
        this.film = film;
        this.paint();
        tell();
      },
      (error) => {
        if (this.description.key === description.key) this.cover(`Could not load the film: ${error.message}.`, true);
      },
    );
  }

  cover(words, failed = false) {
    delete this.root.dataset.ready;
    this.parts.veil.hidden = false;
    this.parts.veil.classList.toggle("failed", failed);
    write(this.parts.word, words);
    this.request();
  }

  get heat() {
    const picked = store.picked.get(this.key);
    return this.heats.find((heat) => heat.key === picked) ?? this.heats[0];
  }

  get table() {
    return this.drawable ? tableOf(this.tables, this.data, this.heat.signed) : null;
  }

  // Whether there is heat to draw, even if it is switched off.
  get drawable() {
    return Boolean(this.heat) && !this.heat.absence;
  }

  get heatShown() {
    return this.drawable && store.look.shown && !this.peeking;
  }

  // A compact pane is too small to split.
  get mode() {
    const { mode } = store.look;
    return !this.drawable || (this.data.compact && mode === "beside") ? "heat" : mode;
  }

  // Canvas px; for linked viewers that differ only by rounding, the smallest size, so that all draw the same.
  get size() {
    const { width, height } = this.canvas;
    const near = linked(this).filter(({ canvas }) => {
      return canvas && Math.abs(canvas.width - width) <= SAME && Math.abs(canvas.height - height) <= SAME;
    });
    const least = (side) => Math.min(this.canvas[side], ...near.map(({ canvas }) => canvas[side])); // a closed viewer is in no link
    return { width: least("width"), height: least("height") };
  }

  // The panes in canvas px: one, or two of equal size, side by side or (on a tall screen) one above the other.
  panes() {
    const { width, height } = this.size;
    if (this.mode !== "beside") return [{ left: 0, top: 0, width, height }];
    const gap = 2 * Math.round(this.unit);
    const half = { width: (width - gap) >> 1, height: (height - gap) >> 1 };
    const fit = (pane) => {
      const { upright } = frameOf(this.view(), this.description, { left: 0, top: 0, ...pane });
      return fitted(this.description, upright);
    };
    const beside = fit({ width: half.width, height }) >= fit({ width, height: half.height });
    const one = beside ? { width: half.width, height } : { width, height: half.height };
    const other = beside ? { left: width - half.width, top: 0 } : { left: 0, top: height - half.height };
    return [{ left: 0, top: 0, ...one }, { ...other, ...one }];
  }

  // Where the film lies on each pane.
  frames() {
    return this.panes().map((pane) => ({ pane, ...frameOf(this.view(), this.description, pane) }));
  }

  // The pane under a canvas point; all panes have the same size and geometry.
  paneAt(x, y) {
    return Math.max(0, this.panes().findLastIndex((pane) => x >= pane.left && y >= pane.top));
  }

  frameAt(x, y) {
    return this.frames()[this.paneAt(x, y)];
  }

  // Handles a change of view in this viewer.
  changed() {
    leadOthers(this);
    tell();
  }

  // Handles the pointer entering, moving over or leaving this film, here or in a linked viewer.
  pointed() {
    this.pointing ??= requestAnimationFrame(() => this.mark());
  }

  mark() {
    this.pointing = null;
    if (!this.unit || !this.root.isConnected) return;
    drawMarks(this);
    const keyed = store.cross?.viewer === this && store.cross.keyboard;
    this.parts.probe.setAttribute("aria-live", keyed ? "polite" : "off");
    write(this.parts.probe, probeWords(this));
  }

  // On Read the film ends where the foot of the page begins, regardless of the content and number of lines above it.
  fit() {
    const host = this.root.getRootNode().host;
    const [main, foot] = ["stMain", "stBottom"].map((name) => document.querySelector(`[data-testid=${name}]`));
    if (!host?.closest(FOLDABLE) || !main || presenting()) return;
    const top = this.parts.stage.getBoundingClientRect().top + main.scrollTop;
    const around = Math.ceil(top + (foot?.offsetHeight ?? 0));
    if (around < MOST_AROUND) this.root.style.setProperty("--around", `${around}px`);
  }

  resized() {
    this.fit();
    this.paint();
    for (const each of linked(this)) if (each !== this) each.request();
  }

  paint() {
    if (this.waiting) cancelAnimationFrame(this.waiting);
    this.waiting = null;
    if (!this.data) return;
    const start = performance.now();
    this.unit = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.parts.stage.clientWidth * this.unit));
    const height = Math.max(1, Math.round(this.parts.stage.clientHeight * this.unit));
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.style.width = `${width / this.unit}px`; // whole px on screen, too; otherwise the browser would blur them
      this.canvas.style.height = `${height / this.unit}px`;
    }
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, width, height);
    if (this.film) this.draw();
    this.sync();
    if (this.film) {
      this.parts.veil.hidden = true;
      this.root.dataset.filmKey = this.film.key;
      this.root.dataset.heatKey = this.heat?.key ?? "";
      this.root.dataset.ready = this.heatShown ? "heat" : "film";
    }
    this.paintMs = performance.now() - start;
  }

  draw() {
    const view = this.view();
    const { context, film, heat, sheets, table, mode } = this;
    this.frames().forEach(({ pane, upright, place, matrix }, index, { length }) => {
      context.save();
      context.beginPath();
      context.rect(pane.left, pane.top, pane.width, pane.height);
      context.clip();
      context.setTransform(...matrix);
      drawFilm(context, sheets.film, film, view, upright, place);
      if (store.look.planes && this.description.planes.length) drawPlanes(context, film, this.description.planes, place);
      if (this.heatShown && index === length - 1) {
        const dimmed = this.data.outdated ? OUTDATED : 1;
        context.globalAlpha = dimmed;
        if (mode === "contours") drawContours(context, heat, film, table, upright, place, this.unit);
        else drawHeat(context, sheets.heat, heat, film, { ...store.look, opacity: dimmed * store.look.opacity }, table, upright, place);
      }
      context.restore();
    });
  }

  // Updates everything around the film to the present state.
  sync() {
    const { canvas } = this;
    syncLegend(this);
    this.root.classList.toggle("untold", !store.look.texts);
    if (!this.data.compact) this.tools.sync();
    this.mark();
    canvas.setAttribute("aria-label", spoken(this));
    canvas.style.touchAction = store.look.tool === "pan" && this.view().zoom <= 1 && !store.look.loupe ? "pan-y" : "none";
    canvas.dataset.tool = store.look.tool;
  }

  peek(on) {
    if (this.peeking === on) return;
    for (const each of linked(this)) each.peeking = on;
    tell();
  }

  // Runs the action named by a control or key; see acts.js.
  act(name, pressed) {
    const before = JSON.stringify(this.view());
    const acts = actsOf(this, pressed);
    if (name in acts) acts[name]();
    else setPreset(this, name);
    store.touched = this;
    const { turn, flip, invert } = this.view();
    const was = JSON.parse(before);
    if (turn !== was.turn || flip !== was.flip || invert !== was.invert) this.send?.({ turn, flip, invert });
    if (JSON.stringify(this.view()) === before) tell();
    else this.changed();
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".viewer");
  root.viewer ??= new Viewer(root);
  root.viewer.send = (arrangement) => setTriggerValue("arranged", arrangement);
  root.viewer.choose = (window) => setTriggerValue("windowed", window);
  root.viewer.update(data);
  return () => {
    root.viewer?.close();
    delete root.viewer;
  };
}
