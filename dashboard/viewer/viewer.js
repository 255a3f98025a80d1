// One viewer. The default export is called by Streamlit whenever its data changed, always with the same parent.
const MODES = ["heat", "contours", "beside"];

class Viewer {
  constructor(root) {
    this.root = root;
    this.parts = build(root);
    this.canvas = this.parts.canvas;
    this.context = this.canvas.getContext("2d");
    this.filmSheet = new Sheet();
    this.heatSheet = new Sheet();
    this.peeking = false;
    this.changedElsewhere = () => this.request();
    store.listeners.add(this.changedElsewhere);
    this.sizes = new ResizeObserver(() => this.paint());
    this.sizes.observe(this.parts.stage);
    this.stopKeys = listenToKeys(this);
    listenToPointer(this);
    this.listenToControls();
  }

  close() {
    store.listeners.delete(this.changedElsewhere);
    this.sizes.disconnect();
    this.stopKeys();
  }

  update(data) {
    this.key = data.viewer;
    this.data = data;
    this.tables = tablesOf(data);
    this.heats = data.maps.map(heatOf);
    store.look.opacity ??= data.opacity;
    const other = this.description?.key !== data.film.key;
    this.description = data.film;
    this.root.style.setProperty("--aspect", `${data.film.width} / ${data.film.height}`);
    this.root.style.setProperty("--height", data.height ? `${data.height}px` : "");
    if (other) this.fetch();
    else this.request();
  }

  view() {
    return viewOf(this.description);
  }

  // The film that belongs to the present description, once its pixels are here.
  fetch() {
    const { description } = this;
    this.film = filmAt(description.key) ?? null;
    if (this.film) {
      this.request();
      return;
    }
    this.cover("Loading film…");
    const progress = (share) => {
      if (this.description === description || this.description.key === description.key) {
        write(this.parts.word, share < 1 ? `Loading film… ${Math.round(100 * share)} %` : "Loading film…");
      }
    };
    filmOf(description, progress).then(
      (film) => {
        if (this.description.key !== film.key) return;
        this.film = film;
        this.paint();
      },
      (error) => {
        if (this.description.key === description.key) this.cover(`The film did not arrive: ${error.message}.`, true);
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

  // Whether there is heat that can be drawn, whatever the person asked for.
  get drawable() {
    return Boolean(this.heat) && !this.heat.absence;
  }

  get heatShown() {
    return this.drawable && store.look.shown && !this.peeking;
  }

  get mode() {
    return this.drawable ? store.look.mode : "heat";
  }

  // The panes in canvas px: one, or two of one size, beside or (on a tall screen) above each other.
  panes() {
    const { width, height } = this.canvas;
    if (this.mode !== "beside") return [{ left: 0, top: 0, width, height }];
    const gap = 2 * Math.round(this.unit);
    const film = this.description;
    const half = { width: (width - gap) >> 1, height: (height - gap) >> 1 };
    const beside = fitted(film, { width: half.width, height }) >= fitted(film, { width, height: half.height });
    const one = beside ? { width: half.width, height } : { width, height: half.height };
    const other = beside ? { left: width - half.width, top: 0 } : { left: 0, top: height - half.height };
    return [{ left: 0, top: 0, ...one }, { ...other, ...one }];
  }

  // The pane under a canvas point; all panes have one size and one geometry.
  paneAt(x, y = 0) {
    return this.panes().findLast((pane) => x >= pane.left && y >= pane.top) ?? this.panes()[0];
  }

  request() {
    this.waiting ??= requestAnimationFrame(() => this.paint());
  }

  changed() {
    tell();
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
    const { context, film, heat, mode } = this;
    this.panes().forEach((pane, index, { length }) => {
      const place = placed(view, film, pane);
      context.save();
      context.beginPath();
      context.rect(pane.left, pane.top, pane.width, pane.height);
      context.clip();
      drawFilm(context, this.filmSheet, film, view, pane, place);
      if (this.heatShown && index === length - 1) {
        const table = tableOf(this.tables, this.data, heat.signed);
        if (mode === "contours") drawContours(context, heat, film, table, pane, place, this.unit);
        else drawHeat(context, this.heatSheet, heat, film, store.look, table, pane, place);
      }
      context.restore();
    });
  }

  // Controls, readout and legend as the state is.
  sync() {
    const { parts, root, description, heat, drawable, mode } = this;
    const { look } = store;
    const view = this.view();
    write(parts.title, this.data.title);
    parts.title.hidden = !this.data.title;
    const zoom = `zoom ${view.zoom.toFixed(view.zoom < 10 ? 1 : 0)}×`;
    const grey = `W ${Math.round(view.width)}  L ${Math.round(view.level)}`;
    write(parts.readout, [grey, zoom, view.invert ? "inverted" : ""].filter(Boolean).join(" · "));
    write(parts.name, description.name);
    parts.drawn.hidden = !description.drawn;
    parts.canvas.setAttribute("aria-label", this.spoken());
    parts.canvas.style.touchAction = look.tool === "pan" && view.zoom <= 1 ? "pan-y" : "none";
    parts.canvas.dataset.tool = look.tool;
    const lines = mode === "contours" ? " · lines at 50 % and 80 % of the peak" : "";
    write(parts.caption, heat ? heat.absence ?? heat.caption + lines : this.data.note || "No heat map");
    parts.caption.classList.toggle("quiet", !heat && !this.data.note);
    parts.scale.hidden = !drawable;
    root.classList.toggle("bare", drawable && !this.heatShown);
    const table = drawable && tableOf(this.tables, this.data, heat.signed);
    if (drawable) this.syncScale(table);
    parts.step.hidden = this.heats.length < 2;
    write(parts.count, `${this.heats.indexOf(heat) + 1} of ${this.heats.length}`);
    for (const tool of ["window", "pan"]) press(root, tool, look.tool === tool);
    for (const each of MODES) press(root, each, look.mode === each && look.shown);
    press(root, "invert", view.invert);
    press(root, "peek", this.peeking || !look.shown);
    const filled = drawable && mode !== "contours";
    for (const part of [parts.opacities, parts.thresholds]) {
      const input = part.querySelector("input");
      input.disabled = !filled;
      input.value = look[input.dataset.look];
      write(part.querySelector("output"), `${Math.round(100 * look[input.dataset.look])} %`);
    }
    for (const each of parts.modes.children) each.disabled = !drawable;
    root.querySelector('.tools [data-act="peek"]').disabled = !drawable;
    parts.colours.disabled = !drawable;
    const names = heat?.signed ? this.data.diverging : this.data.sequential;
    fillColours(parts.colours, names, table?.name ?? names[0]);
    parts.preset.value = view.preset ?? "film";
  }

  syncScale(table) {
    const { parts, heat, mode } = this;
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

  spoken() {
    const { description, heat } = this;
    const drawn = description.drawn ? "Drawn phantom" : "Radiograph";
    const over = !heat ? "" : heat.absence ? `. ${heat.absence}` : this.heatShown ? `, with heat map: ${heat.caption}` : ", bare";
    return `${drawn} ${description.name}${over}`;
  }

  // Grey value, heat and place under a canvas point.
  probe(x, y) {
    const { film, heat, description } = this;
    if (!film || Number.isNaN(x)) {
      write(this.parts.probe, "");
      return;
    }
    const pane = this.paneAt(x, y);
    const place = placed(this.view(), film, pane);
    const column = Math.floor((x - place.left) / place.scale);
    const row = Math.floor((y - place.top) / place.scale);
    if (column < 0 || row < 0 || column >= film.width || row >= film.height) {
      write(this.parts.probe, "");
      return;
    }
    const words = [`grey ${film.pixels[row * film.width + column]}`];
    if (this.drawable) {
      const value = heatAt(heat, film, column, row);
      words.push(Number.isNaN(value) ? "outside the map" : `heat ${figure(value)} ${heat.unit}`);
    }
    const { spacing } = description;
    const mm = (at, index) => ((at + 0.5) * spacing[index]).toFixed(1);
    words.push(spacing ? `${mm(column, 1)}, ${mm(row, 0)} mm` : `${column}, ${row} px`);
    write(this.parts.probe, words.join(" · "));
  }

  peek(on) {
    if (this.peeking === on) return;
    this.peeking = on;
    this.request();
  }

  act(name) {
    const { look } = store;
    const view = this.view();
    const middle = [this.paneAt(0).width / 2, this.paneAt(0).height / 2];
    const step = (by) => {
      const at = this.heats.indexOf(this.heat) + by;
      if (this.heats[at]) store.picked.set(this.key, this.heats[at].key);
    };
    const acts = {
      window: () => (look.tool = "window"),
      pan: () => (look.tool = "pan"),
      closer: () => zoomAt(this, STEP, ...middle),
      farther: () => zoomAt(this, 1 / STEP, ...middle),
      single: () => zoomAt(this, 1 / (fitted(this.description, this.paneAt(0)) * view.zoom), ...middle),
      reset: () => {
        store.views.delete(this.description.key);
      },
      invert: () => (view.invert = !view.invert),
      toggle: () => (look.shown = !look.shown),
      mode: () => Object.assign(look, { mode: MODES[(MODES.indexOf(look.mode) + 1) % MODES.length], shown: true }),
      heat: () => Object.assign(look, { mode: "heat", shown: true }),
      contours: () => Object.assign(look, { mode: "contours", shown: true }),
      beside: () => Object.assign(look, { mode: "beside", shown: true }),
      before: () => step(-1),
      after: () => step(1),
      fainter: () => (look.opacity = Math.max(0, look.opacity - 0.05)),
      stronger: () => (look.opacity = Math.min(1, look.opacity + 0.05)),
      more: () => this.root.classList.toggle("open"),
      help: () => this.help(),
      retry: () => this.fetch(),
    };
    acts[name]?.();
    tell();
  }

  help() {
    const { help } = this.parts;
    help.hidden = !help.hidden;
    (help.hidden ? this.canvas : help.querySelector("button")).focus();
  }

  listenToControls() {
    const { root, parts } = this;
    root.addEventListener("click", (event) => {
      const act = event.target.closest("[data-act]")?.dataset.act;
      if (act && act !== "peek") this.act(act);
    });
    const peek = root.querySelector('[data-act="peek"]');
    peek.addEventListener("pointerdown", (event) => {
      peek.setPointerCapture(event.pointerId);
      this.peek(true);
    });
    for (const end of ["pointerup", "pointercancel", "blur"]) peek.addEventListener(end, () => this.peek(false));
    peek.addEventListener("contextmenu", (event) => event.preventDefault());
    peek.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key === "Enter") this.peek(true);
    });
    peek.addEventListener("keyup", () => this.peek(false));
    for (const part of [parts.opacities, parts.thresholds]) {
      const input = part.querySelector("input");
      input.addEventListener("input", () => {
        store.look[input.dataset.look] = Number(input.value);
        tell();
      });
    }
    parts.colours.addEventListener("change", () => {
      store.look[this.heat?.signed ? "diverging" : "sequential"] = parts.colours.value;
      tell();
    });
    parts.preset.addEventListener("change", () => {
      if (!this.film) return;
      const { value } = parts.preset;
      Object.assign(this.view(), presetWindow(value, this.film, this.description), { preset: value });
      tell();
    });
  }
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".viewer");
  root.viewer ??= new Viewer(root);
  root.viewer.update(data);
  return () => {
    root.viewer?.close();
    delete root.viewer;
  };
}
