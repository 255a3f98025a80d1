// A page of units as small maps over the film. A clicked unit is marked immediately; the server then shows its details.
const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
const PAGES = { PageDown: 1, PageUp: -1 };

class Units {
  constructor(root) {
    this.root = root;
    this.list = Object.assign(document.createElement("div"), { className: "list" });
    this.list.setAttribute("role", "listbox");
    this.list.addEventListener("keydown", (event) => this.pressed(event));
    root.append(this.list);
    this.ground = new Sheet(); // all tiles have one size, so one windowed film serves them
    this.repaint = () => (this.waiting ??= requestAnimationFrame(() => this.paint()));
    store.listeners.add(this.repaint);
    this.size = new ResizeObserver(this.repaint);
    this.size.observe(this.list);
  }

  turn(page) {
    if (page >= 0 && page < this.data.pages && page !== this.data.page) this.tell("page", page);
  }

  close() {
    store.listeners.delete(this.repaint);
    this.size.disconnect();
  }

  update(data, tell) {
    this.data = data;
    this.tell = tell;
    this.tables = tablesOf(data);
    this.levels = decoded(data.maps);
    store.usualOpacity = data.opacity;
    store.look.opacity ??= data.opacity;
    const focused = this.root.getRootNode().activeElement;
    const held = focused?.closest?.(".unit") ? [...this.list.children].indexOf(focused) : -1;
    this.list.setAttribute("aria-label", data.label);
    const share = Math.min(Math.max(data.film.width / data.film.height, 0.7), 1.4);
    this.tiles = data.units.map((unit, index) => this.tile(unit, index, share));
    while (this.list.children.length > data.units.length) this.list.lastChild.remove();
    this.mark(data.chosen);
    if (held >= 0) this.list.children[Math.min(held, data.units.length - 1)]?.focus({ preventScroll: true });
    delete this.root.dataset.ready;
    this.root.dataset.chosen = data.chosen;
    filmOf(data.film, () => {}).then(
      (film) => {
        if (this.data.film.key !== film.key) return;
        this.film = film;
        this.repaint();
      },
      () => {}, // the large viewer reports it
    );
  }

  tile(unit, index, share) {
    const option = this.list.children[index] ?? this.list.appendChild(this.option());
    const [canvas, number, figure] = option.children;
    option.dataset.channel = unit.channel;
    option.dataset.off = unit.off;
    option.title = unit.description;
    option.setAttribute("aria-label", unit.description);
    option.onclick = () => this.choose(unit.channel);
    canvas.style.aspectRatio = share;
    number.textContent = unit.channel;
    figure.textContent = unit.figure;
    return { canvas, sheet: (option.sheet ??= new Sheet()), film: this.ground, heat: this.heat(unit, index) };
  }

  option() {
    const option = document.createElement("div");
    option.className = "unit";
    option.setAttribute("role", "option");
    option.append(document.createElement("canvas"), document.createElement("b"), document.createElement("span"));
    return option;
  }

  // Converts the levels of a unit back to values, so that small and large maps are drawn by the same rule.
  heat(unit, index) {
    const { width, height, box, turn, signed, common, name } = this.data;
    const values = new Float32Array(width * height);
    const [zero, top] = signed ? [128, 127] : [0, 255];
    const from = index * values.length;
    for (let cell = 0; cell < values.length; cell++) values[cell] = ((this.levels[from + cell] - zero) / top) * unit.end;
    const key = `${name} ${unit.channel} ${width}`;
    const absence = unit.end > 0 ? null : "silent";
    return uprightHeat({ key, width, height, box, turn, signed, scale: common ?? unit.end, absence }, values);
  }

  choose(channel) {
    this.mark(channel);
    this.tell("chosen", channel);
  }

  mark(channel) {
    const options = [...this.list.children];
    const place = Math.max(options.findIndex((option) => Number(option.dataset.channel) === channel), 0);
    options.forEach((option, index) => {
      option.setAttribute("aria-selected", String(Number(option.dataset.channel) === channel));
      option.tabIndex = index === place ? 0 : -1;
    });
  }

  pressed(event) {
    const options = [...this.list.children];
    const here = options.indexOf(event.target.closest(".unit"));
    if (here < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const across = options.filter((option) => option.offsetTop === options[0].offsetTop).length;
    const step = { ...STEPS, ArrowDown: across, ArrowUp: -across }[event.key];
    if (step !== undefined) {
      const there = Math.min(Math.max(here + step, 0), options.length - 1);
      options[here].tabIndex = -1;
      options[there].tabIndex = 0;
      options[there].focus();
    } else if (event.key === "Enter" || event.key === " ") {
      this.choose(Number(options[here].dataset.channel));
    } else if (event.key in PAGES) {
      this.turn(this.data.page + PAGES[event.key]);
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the viewer has its own keys
  }

  paint() {
    this.waiting = null;
    if (this.film?.key !== this.data.film.key || !this.tiles[0]?.canvas.clientWidth) return;
    for (const tile of this.tiles) {
      tile.width = tile.canvas.clientWidth;
      tile.height = tile.canvas.clientHeight;
    }
    paintSmall(this.tiles, this.film, this.tables, this.data);
    this.root.dataset.ready = "heat";
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".units");
  root.units ??= new Units(root);
  root.units.update(data, setTriggerValue);
  return () => {
    root.units?.close();
    delete root.units;
    root.replaceChildren();
  };
}
