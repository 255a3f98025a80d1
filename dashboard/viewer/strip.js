// One row of small maps, one per stage, with the window and colours of the large viewer; a click requests that stage.
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
      return { canvas, width, height: TALL, heat: heatOf(entry), film: new Sheet(), sheet: new Sheet() };
    });
    while (this.row.children.length > data.maps.length) this.row.lastChild.remove();
    delete this.root.dataset.ready;
    filmOf(film, () => {}).then(
      (pixels) => {
        if (this.data.film.key !== pixels.key) return;
        this.film = pixels;
        this.repaint();
      },
      () => {}, // the large viewer reports it
    );
  }

  paint() {
    this.waiting = null;
    if (this.film?.key !== this.data.film.key) return;
    paintSmall(this.tiles, this.film, this.tables, this.data);
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
