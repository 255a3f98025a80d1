const BRUSH = 0.05; // of the film's long side: the width of the brush

// State shared by all viewers of the page. It survives reruns, page changes and remounts, but not a reload; the server
// stores the annotations of the session's films, see kept_annotations.js.
const store = (window.lightbox ??= {
  films: new Map(), // radiograph key -> film, the least recently used first
  arriving: new Map(), // radiograph key -> {promise, share} during the transfer of pixels
  views: new Map(), // radiograph key -> view of the film, see viewOf
  calibrations: new Map(), // radiograph key -> mm per film px, calibrated by a length of known size
  shapes: new Map(), // radiograph key -> shapes drawn on the film, see shapes.js
  histories: new Map(), // radiograph key -> {past, future} of its shapes, to undo
  picked: new Map(), // viewer -> key of the chosen map
  look: { mode: "heat", shown: true, tool: matchMedia("(pointer: coarse)").matches ? "pan" : "window", threshold: 0, loupe: false, planes: false, texts: true },
  cross: null, // {viewer, x, y, keyboard}: the viewer under the pointer, and the position in film px
  viewers: new Set(), // all viewers on the page
  listeners: new Set(), // called after every change that concerns another viewer or a bar of controls
  touched: null, // the viewer used last
  front: null, // description of the film whose view is in the address
  opened: null, // the view in the initial address, until its film is open
});

function tell() {
  for (const listener of [...store.listeners]) listener();
}

// The view of a film; initially as the file defines it.
// zoom: 1 shows the whole film; x, y: film px in the middle of the pane; width, level: of the window, in stored values;
// flip: mirrored left to right; turn: number of quarter turns after that, clockwise.
function viewOf(description) {
  const { key } = description;
  if (!store.views.has(key)) store.views.set(key, { ...untouched(description), ...fromAddress(description) });
  return store.views.get(key);
}

function untouched({ width, height, black, white }) {
  const place = { zoom: 1, x: width / 2, y: height / 2, turn: 0, flip: false };
  return { ...place, ...windowOf(black, white), preset: "film", invert: false };
}

// Views, by key; each of the file's windows has its own view of the film, but the shapes are shared.
function filmKey({ key }) {
  return key.split("-")[0];
}

// The viewers that move with this one, including itself: all of its link. Viewers of the same film do so anyway, since a
// film has one view.
function linked(viewer) {
  return [...store.viewers].filter((each) => each === viewer || (viewer.link && each.link === viewer.link));
}

// Makes linked viewers of other films show the same place, as shares of the film, and the same window, as a preset or
// else as shares of the film's own.
function leadOthers(viewer) {
  store.touched = viewer;
  store.front = viewer.description;
  for (const other of linked(viewer)) if (other.description) follow(other, viewer);
}

function follow(viewer, leader) {
  const [mine, theirs] = [viewer.description, leader.description];
  if (mine.key === theirs.key) return;
  const view = leader.view();
  const { zoom, preset } = view; // turn, mirror and inversion belong to each film, as they affect the network's input
  const place = { zoom, x: (view.x / theirs.width) * mine.width, y: (view.y / theirs.height) * mine.height };
  const unit = (mine.white - mine.black) / (theirs.white - theirs.black);
  const by_hand = { width: view.width * unit, level: mine.black + (view.level - theirs.black) * unit };
  const known = preset !== "custom" && viewer.film && presetWindow(preset, viewer.film, mine);
  Object.assign(viewer.view(), place, { preset }, known || by_hand);
}
