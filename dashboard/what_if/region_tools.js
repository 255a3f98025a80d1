// The drawing tools of the what-if bench. They choose the tool of the viewer; "Apply" takes what was drawn on the film
// as one region, sends it as text (core/what_if/region.py) and clears it from the film.
const REGION_TOOLS = { rectangle: "Rectangle", ellipse: "Ellipse", lasso: "Lasso", brush: "Brush" };
const MOST_HIDDEN = 0.25; // of the film: if more is hidden, it scrolls into view when a tool is chosen
const BARS = [4, 4.5]; // rem covered by the bars at the head and foot of the page
const APART = 0.004; // of the film's long side: closer points of a line are dropped

class RegionTools {
  constructor(root) {
    this.root = root;
    const tool = ([kind, title]) => `<button type="button" data-kind="${kind}" aria-pressed="false">${title}</button>`;
    root.innerHTML = `<span class="tools" role="group" aria-label="Draw the region">${Object.entries(REGION_TOOLS).map(tool).join("")}</span>
      <button type="button" class="apply" data-testid="apply-drawn">Apply to the drawing</button><span class="hint" aria-live="polite"></span>`;
    root.addEventListener("click", ({ target }) => {
      const { kind } = target.dataset;
      if (kind) this.choose(kind);
      else if (target.classList.contains("apply")) this.apply();
      tell();
    });
    this.sync = () => this.show();
    store.listeners.add(this.sync);
    this.lifted = ({ target }) => {
      if (target.closest?.(".region") !== root && this.drawn.length) bring(root);
    };
    addEventListener("pointerup", this.lifted);
  }

  close() {
    store.listeners.delete(this.sync);
    removeEventListener("pointerup", this.lifted);
  }

  choose(kind) {
    const off = store.look.tool === kind;
    store.look.tool = off ? "window" : kind;
    const film = [...store.viewers].find(({ description }) => description?.key === this.data.film);
    if (!off && film && hidden(film.root) > MOST_HIDDEN) bring(film.root);
  }

  update(data, send) {
    Object.assign(this, { data, send });
    this.show();
  }

  get drawn() {
    return (store.shapes.get(this.data.film) ?? []).filter(({ kind, points }) => kind in REGION_TOOLS && points.length);
  }

  show() {
    const count = this.drawn.length;
    for (const each of this.root.querySelectorAll("[data-kind]")) {
      each.setAttribute("aria-pressed", String(store.look.tool === each.dataset.kind));
    }
    this.root.querySelector(".apply").disabled = !count;
    this.root.querySelector(".hint").textContent = count
      ? `${count} ${count === 1 ? "shape" : "shapes"} drawn`
      : store.look.tool in REGION_TOOLS
        ? "Draw on the film."
        : "Choose a tool.";
  }

  apply() {
    const { drawn } = this;
    if (!drawn.length) return;
    const shapes = store.shapes.get(this.data.film);
    this.send(drawn.map((shape) => regionText(shape, this.data)).join("+"));
    for (const shape of drawn) shapes.splice(shapes.indexOf(shape), 1);
  }
}

// The share of an element's height that is out of sight, 0 to 1.
function hidden(element) {
  const { top, bottom, height } = element.getBoundingClientRect();
  const [head, foot] = BARS.map((rem) => rem * parseFloat(getComputedStyle(document.documentElement).fontSize));
  return 1 - Math.max(0, Math.min(bottom, innerHeight - foot) - Math.max(top, head)) / height;
}

function bring(element) {
  element.style.scrollMargin = `${BARS[0]}rem 0 ${BARS[1]}rem`;
  if (hidden(element) > 0) element.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

// A shape in shares of the film's width and height.
function regionText({ kind, points }, { width, height }) {
  const share = (value) => String(Math.round(value * 1e4) / 1e4);
  if (kind === "rectangle" || kind === "ellipse") {
    const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
    const box = [Math.min(...xs) / width, Math.min(...ys) / height, Math.max(...xs) / width, Math.max(...ys) / height];
    return `${kind}:${box.map(share).join(",")}`;
  }
  const least = APART * Math.max(width, height);
  const thin = [];
  for (const point of points) {
    const last = thin.at(-1);
    if (!last || Math.hypot(point[0] - last[0], point[1] - last[1]) >= least) thin.push(point);
  }
  const path = kind === "lasso" && thin.length < 3 ? points : thin;
  const numbers = path.flatMap(([x, y]) => [x / width, y / height]);
  return `${kind}:${(kind === "brush" ? [BRUSH, ...numbers] : numbers).map(share).join(",")}`;
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".region");
  root.owner ??= new RegionTools(root);
  root.owner.update(data, (text) => setTriggerValue("drawn", text));
  return () => {
    root.owner?.close();
    delete root.owner;
  };
}
