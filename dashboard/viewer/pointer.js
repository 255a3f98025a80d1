// Mouse, touch and keys: what they do to the view of the film.
const CLOSEST = 40; // canvas px a film px
const STEP = 1.25; // zoom of one key or click

// Zooms by `factor` and keeps the film point under canvas point (x, y) where it is.
function zoomAt(viewer, factor, x, y) {
  const view = viewer.view();
  const film = viewer.description;
  const pane = viewer.paneAt(x, y);
  const least = Math.min(1, 1 / fitted(film, pane)) / 2;
  const zoom = Math.min(Math.max(view.zoom * factor, least), CLOSEST / fitted(film, pane));
  const before = fitted(film, pane) * view.zoom;
  const after = fitted(film, pane) * zoom;
  const [dx, dy] = [x - pane.left - pane.width / 2, y - pane.top - pane.height / 2];
  view.x += dx / before - dx / after;
  view.y += dy / before - dy / after;
  view.zoom = zoom;
  settle(viewer);
}

function panBy(viewer, dx, dy) {
  const view = viewer.view();
  const scale = fitted(viewer.description, viewer.paneAt(0)) * view.zoom;
  view.x -= dx / scale;
  view.y -= dy / scale;
  settle(viewer);
}

// The middle of the pane stays on the film.
function settle(viewer) {
  const view = viewer.view();
  view.x = Math.min(Math.max(view.x, 0), viewer.description.width);
  view.y = Math.min(Math.max(view.y, 0), viewer.description.height);
  viewer.changed();
}

// Across: width, up and down: level; the film's own window is about one pane's width.
function windowBy(viewer, dx, dy) {
  const view = viewer.view();
  const { black, white, bits } = viewer.description;
  const unit = (white - black) / Math.max(viewer.paneAt(0).width, 300);
  const top = 2 ** bits - 1;
  view.width = Math.min(Math.max(view.width + dx * unit, Math.max(1, top / 4096)), 2 * top);
  view.level = Math.min(Math.max(view.level + dy * unit, 0), top);
  view.preset = "custom";
  viewer.changed();
}

function listenToPointer(viewer) {
  const { canvas } = viewer;
  const down = new Map(); // pointer id -> last place
  let action = null;
  let lastTap = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const unit = canvas.width / box.width;
    return { x: (event.clientX - box.left) * unit, y: (event.clientY - box.top) * unit };
  };
  const actionOf = (event) => {
    if (event.pointerType === "mouse" && event.button === 2) return "window";
    if (event.pointerType === "mouse" && (event.button === 1 || event.shiftKey)) return "pan";
    return store.look.tool;
  };
  const spread = () => {
    const [one, other] = [...down.values()];
    return {
      x: (one.x + other.x) / 2,
      y: (one.y + other.y) / 2,
      size: Math.max(Math.hypot(one.x - other.x, one.y - other.y), 1),
    };
  };
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    if (!viewer.film) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    action = down.size === 1 ? actionOf(event) : "pinch";
    canvas.dataset.action = action;
    if (event.button === 1) event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    const here = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      viewer.probe(here.x, here.y);
      return;
    }
    if (action === "pinch") {
      const was = spread();
      down.set(event.pointerId, here);
      if (down.size < 2) return;
      const is = spread();
      panBy(viewer, is.x - was.x, is.y - was.y);
      zoomAt(viewer, is.size / was.size, is.x, is.y);
      return;
    }
    down.set(event.pointerId, here);
    if (action === "pan") panBy(viewer, here.x - before.x, here.y - before.y);
    if (action === "window") windowBy(viewer, here.x - before.x, here.y - before.y);
    viewer.probe(here.x, here.y);
  });
  const up = (event) => {
    down.delete(event.pointerId);
    if (down.size === 0) {
      action = null;
      delete canvas.dataset.action;
    }
  };
  canvas.addEventListener("pointerup", (event) => {
    const here = place(event);
    if (event.pointerType === "touch" && down.size === 1) {
      const twice = lastTap && event.timeStamp - lastTap.time < 300 && Math.hypot(here.x - lastTap.x, here.y - lastTap.y) < 30;
      lastTap = twice ? null : { time: event.timeStamp, ...here };
      if (twice) viewer.act("reset");
      else viewer.probe(here.x, here.y);
    }
    up(event);
  });
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => viewer.probe(NaN, NaN));
  canvas.addEventListener("dblclick", (event) => event.button === 0 && viewer.act("reset"));
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!viewer.film) return;
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      const here = place(event);
      zoomAt(viewer, Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), here.x, here.y);
      viewer.probe(here.x, here.y);
    },
    { passive: false },
  );
}

const PLAIN_KEYS = {
  "+": "closer", "=": "closer", "-": "farther", "−": "farther", "0": "reset", Home: "reset", "1": "single",
  i: "invert", o: "toggle", m: "mode", "[": "before", "]": "after", ",": "fainter", ".": "stronger",
  w: "window", p: "pan", "?": "help",
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Keys work while the viewer has the focus, or the pointer rests on it and nobody is writing elsewhere.
// Returns a function that stops listening.
function listenToKeys(viewer) {
  const { root, canvas } = viewer;
  let hovered = false;
  root.addEventListener("pointerenter", () => (hovered = true));
  root.addEventListener("pointerleave", () => (hovered = false));
  const mine = (event) => {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || !viewer.film) return false;
    if (event.composedPath().includes(root)) {
      if (target.matches("select")) return false;
      if (target.matches("input") && (event.key in ARROWS || event.key === "Home")) return false;
      return !(target.matches("button") && event.key === " ");
    }
    return hovered && (target === document.body || !target.matches?.("input, textarea, select, button, [contenteditable], [role]"));
  };
  const down = (event) => {
    if (!mine(event)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === " " || key === "h") viewer.peek(true);
    else if (key in ARROWS && event.shiftKey) windowBy(viewer, 12 * ARROWS[key][0], 12 * ARROWS[key][1]);
    else if (key in ARROWS) panBy(viewer, -40 * ARROWS[key][0], -40 * ARROWS[key][1]);
    else if (key === "Escape" && !viewer.parts.help.hidden) viewer.act("help");
    else if (key in PLAIN_KEYS) viewer.act(PLAIN_KEYS[key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const up = (event) => {
    if (event.key === " " || event.key.toLowerCase() === "h") viewer.peek(false);
  };
  const away = () => viewer.peek(false);
  document.addEventListener("keydown", down, true);
  document.addEventListener("keyup", up, true);
  window.addEventListener("blur", away);
  return () => {
    document.removeEventListener("keydown", down, true);
    document.removeEventListener("keyup", up, true);
    window.removeEventListener("blur", away);
  };
}
