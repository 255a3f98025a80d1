// Mouse and touch: their effect on the view of the film.
const CLOSEST = 40; // canvas px per film px
const STEP = 1.25; // zoom factor per key press or click
const HINT = 1600; // ms

// Zooms by `factor` and keeps the film point under canvas point (x, y) where it is.
function zoomAt(viewer, factor, x, y) {
  const view = viewer.view();
  const { pane, upright, matrix } = viewer.frameAt(x, y);
  const fit = fitted(viewer.description, upright);
  const least = Math.min(1, 1 / fit) / 2;
  const zoom = Math.min(Math.max(view.zoom * factor, least), CLOSEST / fit);
  const before = fit * view.zoom;
  const after = fit * zoom;
  const [dx, dy] = turnedBack(matrix, x - pane.left - pane.width / 2, y - pane.top - pane.height / 2);
  view.x += dx / before - dx / after;
  view.y += dy / before - dy / after;
  view.zoom = zoom;
  settle(viewer);
}

function panBy(viewer, dx, dy) {
  const view = viewer.view();
  const { place, matrix } = viewer.frames()[0];
  const [u, v] = turnedBack(matrix, dx, dy);
  view.x -= u / place.scale;
  view.y -= v / place.scale;
  settle(viewer);
}

// The middle of the pane stays on the film.
function settle(viewer) {
  const view = viewer.view();
  view.x = Math.min(Math.max(view.x, 0), viewer.description.width);
  view.y = Math.min(Math.max(view.y, 0), viewer.description.height);
  viewer.changed();
}

// Drag across: width; up and down: level. The film's own window is about one pane's width.
function windowBy(viewer, dx, dy) {
  const view = viewer.view();
  const { black, white, bits } = viewer.description;
  const unit = (white - black) / Math.max(viewer.panes()[0].width, 300);
  const top = 2 ** bits - 1;
  view.width = Math.min(Math.max(view.width + dx * unit, Math.max(1, top / 4096)), 2 * top);
  view.level = Math.min(Math.max(view.level + dy * unit, 0), top);
  view.preset = "custom";
  viewer.changed();
}

// The wheel scrolls the page until somebody clicks into the film, holds Ctrl, or pinches, which arrives as Ctrl. In full
// screen there is nothing to scroll.
function isZoom(viewer, event) {
  const chosen = viewer.root.getRootNode().activeElement === viewer.canvas;
  return event.ctrlKey || chosen || presenting() || Boolean(document.fullscreenElement);
}

function hintAtZoom(viewer) {
  const { hint } = viewer.parts;
  hint.classList.add("shown");
  clearTimeout(viewer.hinting);
  viewer.hinting = setTimeout(() => hint.classList.remove("shown"), HINT);
}

// Text in a corner fades while the pointer is on it, so that a mark on the film below it can be read.
function fadeUnder({ root }, { clientX: x, clientY: y }) {
  for (const text of root.querySelectorAll(".line, .words, .scale")) {
    const { left, top, right, bottom } = text.getBoundingClientRect();
    text.classList.toggle("under", left <= x && x <= right && top <= y && y <= bottom);
  }
}

function listenToPointer(viewer) {
  const { canvas } = viewer;
  const down = new Map(); // pointer id -> last place
  let action = null;
  let held = null; // the hold on the shape being drawn
  let lastTap = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const unit = canvas.width / box.width;
    return { x: (event.clientX - box.left) * unit, y: (event.clientY - box.top) * unit };
  };
  const actionOf = (event) => {
    if (event.pointerType === "mouse" && event.button === 2) return "window";
    if (event.pointerType === "mouse" && (event.button === 1 || event.shiftKey)) return "pan";
    if (event.pointerType !== "mouse" && store.look.loupe) return "loupe"; // the finger moves the magnifier
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
  const point = (event, { x, y }) => {
    if (!viewer.film) return;
    const film = onFilm(viewer.frameAt(x, y), x, y);
    pointAt(viewer, film.x, film.y, { pane: viewer.paneAt(x, y), touch: event.pointerType === "touch" });
  };
  const letGo = () => {
    if (held) endShape(viewer, held);
    held = null;
  };
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    if (!viewer.film) return;
    canvas.setPointerCapture(event.pointerId);
    const here = place(event);
    down.set(event.pointerId, here);
    letGo();
    action = down.size === 1 ? actionOf(event) : "pinch";
    if (action in KINDS) held = takeShape(viewer, action, here, NEAR[event.pointerType] ?? NEAR.pen);
    canvas.dataset.action = action;
    point(event, here);
    if (event.button === 1) event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    const here = place(event);
    const before = down.get(event.pointerId);
    fadeUnder(viewer, event);
    if (before && action === "pinch") {
      const was = spread();
      down.set(event.pointerId, here);
      if (down.size < 2) return;
      const is = spread();
      panBy(viewer, is.x - was.x, is.y - was.y);
      zoomAt(viewer, is.size / was.size, is.x, is.y);
      return;
    }
    if (before) {
      down.set(event.pointerId, here);
      if (action === "pan") panBy(viewer, here.x - before.x, here.y - before.y);
      if (action === "window") windowBy(viewer, here.x - before.x, here.y - before.y);
      if (held) moveShape(viewer, held, here);
    }
    point(event, here);
  });
  const up = (event) => {
    down.delete(event.pointerId);
    if (down.size > 0) return;
    action = null;
    letGo();
    delete canvas.dataset.action;
  };
  canvas.addEventListener("pointerup", (event) => {
    const here = place(event);
    if (event.pointerType === "touch" && down.size === 1) {
      const near = lastTap && Math.hypot(here.x - lastTap.x, here.y - lastTap.y) < 30 * viewer.unit;
      const twice = near && event.timeStamp - lastTap.time < 300;
      lastTap = twice ? null : { time: event.timeStamp, ...here };
      if (twice) viewer.act("reset");
    }
    up(event);
  });
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", (event) => {
    fadeUnder(viewer, event);
    if (event.pointerType === "mouse") pointAway(viewer);
  });
  canvas.addEventListener("dblclick", (event) => event.button === 0 && viewer.act("reset"));
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!viewer.film) return;
      if (!isZoom(viewer, event)) {
        hintAtZoom(viewer);
        return; // the page scrolls
      }
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      const here = place(event);
      zoomAt(viewer, Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), here.x, here.y);
      point(event, here);
    },
    { passive: false },
  );
}
