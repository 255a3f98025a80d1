// One row of small maps, one a stage, with the window and colours of the large viewer; a click asks for that stage.
const TALL = 92; // CSS px

class Strip {
  constructor(root) {
    this.row = Object.assign(document.createElement("div"), { className: "row" });
    this.row.setAttribute("role", "group");
    this.row.setAttribute("aria-label", "The map at every stage");
    root.append(this.row);
    this.root = root;
    this.repaint = () => (this.waiting ??= requestAnimationFrame(() => this.paint()));
    store.listeners.add(this.repaint);
  }

  close() {
    store.listeners.delete(this.repaint);
  }

  update(data, choose) {
    this.data = data;
    this.tables = tablesOf(data);
    store.usualOpacity = data.opacity;
    store.look.opacity ??= data.opacity;
    const film = data.film;
    const width = Math.round(Math.min(Math.max((TALL * film.width) / film.height, 60), 160));
    this.tiles = data.maps.map((entry, index) => {
      const button = this.row.children[index] ?? this.row.appendChild(document.createElement("button"));
      const canvas = button.querySelector("canvas") ?? button.appendChild(document.createElement("canvas"));
      const label = button.querySelector("span") ?? button.appendChild(document.createElement("span"));
      const layer = entry.layer ?? "input";
      button.type = "button";
      button.dataset.layer = layer;
      button.onclick = () => choose(entry.layer);
      button.setAttribute("aria-pressed", String(entry.layer === data.selected));
      const kind = data.common ? "the common scale" : "its own scale";
      button.title = entry.absence ?? `${layer}: ${kind}, up to ${figure(entry.scale)} ${entry.unit}`;
      label.textContent = `${layer} · ${entry.height} × ${entry.width}`;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${TALL}px`;
      return { canvas, width, heat: heatOf(entry), film: new Sheet(), sheet: new Sheet() };
    });
    while (this.row.children.length > data.maps.length) this.row.lastChild.remove();
    delete this.root.dataset.ready;
    filmOf(film, () => {}).then(
      (pixels) => {
        if (this.data.film.key !== pixels.key) return;
        this.film = pixels;
        this.repaint();
      },
      () => {}, // the large viewer says it
    );
  }

  paint() {
    this.waiting = null;
    if (this.film?.key !== this.data.film.key) return;
    const unit = window.devicePixelRatio || 1;
    const view = { ...viewOf(this.data.film), zoom: 1, x: this.film.width / 2, y: this.film.height / 2 };
    for (const { canvas, width, heat, film, sheet } of this.tiles) {
      const pane = { left: 0, top: 0, width: Math.round(width * unit), height: Math.round(TALL * unit) };
      if (canvas.width !== pane.width || canvas.height !== pane.height) {
        canvas.width = pane.width;
        canvas.height = pane.height;
      }
      const context = canvas.getContext("2d");
      const { upright, place, matrix } = frameOf(view, this.film, pane);
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, pane.width, pane.height);
      context.setTransform(...matrix);
      drawFilm(context, film, this.film, view, upright, place);
      if (heat.absence || !store.look.shown) continue;
      const look = { opacity: Math.max(store.look.opacity, 0.6), threshold: store.look.threshold };
      drawHeat(context, sheet, heat, this.film, look, tableOf(this.tables, this.data, heat.signed), upright, place);
    }
    this.root.dataset.ready = "heat";
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".strip");
  root.strip ??= new Strip(root);
  root.strip.update(data, (layer) => setTriggerValue("chosen", layer));
  return () => {
    root.strip?.close();
    delete root.strip;
  };
}
