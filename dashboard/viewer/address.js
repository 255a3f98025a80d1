// The view of the film in the page's address, #view=KEY~z1.5~x0.4~o0.3: the film's key and whatever is not the default.
// It comes after the # because Streamlit leaves that alone: Python owns the part after the ?, and would overwrite each
// change there. If a change of page or query drops the view, it is put back.
const BEAT = 400; // ms between two checks for changes
const KEY_LETTERS = 8; // of the radiograph's key
const FIGURES = 5; // significant digits

const CALIBRATION = "k"; // mm per film px, calibrated by a length of known size

const rounded = (value) => Number(value.toPrecision(FIGURES));
const BY_LETTER = {
  z: ["zoom", rounded], x: ["x", rounded], y: ["y", rounded], w: ["width", rounded], l: ["level", rounded],
  p: ["preset", String],
};
const LOOK_BY_LETTER = {
  o: ["opacity", rounded], h: ["threshold", rounded], m: ["mode", String], c: ["sequential", String],
  d: ["diverging", String], n: ["hidden", Boolean],
};

// Positions are shares of the film, so that they hold on any copy of it.
function viewWords(description) {
  const { width, height } = description;
  const view = viewOf(description);
  const usual = untouched(description);
  const shares = ({ x, y, ...rest }) => ({ ...rest, x: x / width, y: y / height });
  const look = { ...store.look, hidden: !store.look.shown };
  const plain = { opacity: store.usualOpacity, threshold: 0, mode: "heat", hidden: false };
  const calibration = store.calibrations.get(filmKey(description));
  return [
    ...differences(BY_LETTER, shares(view), shares(usual)),
    ...differences(LOOK_BY_LETTER, look, plain),
    ...(calibration ? [CALIBRATION + rounded(calibration)] : []),
  ];
}

function differences(letters, now, usual) {
  return Object.entries(letters).flatMap(([letter, [name, kind]]) => {
    const value = now[name] === undefined ? undefined : kind(now[name]);
    if (value === undefined || value === (usual[name] === undefined ? undefined : kind(usual[name]))) return [];
    return [letter + (kind === Boolean ? "" : value)];
  });
}

// {film, view, look} of an address; null if it has no view.
function parsed(hash) {
  const text = hash.slice(1).split("&").find((part) => part.startsWith("view="))?.slice(5);
  if (!text) return null;
  const [film, ...words] = unquoted(text).split("~");
  const parts = { film, view: {}, look: {} };
  for (const word of words) {
    if (word[0] === CALIBRATION) parts.calibration = Number(word.slice(1));
    for (const [letters, into] of [[BY_LETTER, parts.view], [LOOK_BY_LETTER, parts.look]]) {
      const [name, kind] = letters[word[0]] ?? [];
      if (!name) continue;
      const value = kind === Boolean ? true : kind === String ? word.slice(1) : Number(word.slice(1));
      if (!Number.isNaN(value)) into[name] = value;
    }
  }
  return parts;
}

// Undoes the percent-encoding of mail programs or browsers; unchanged if it cannot be decoded.
function unquoted(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Applies the view of the opened address to this film, once.
function fromAddress({ key, width, height }) {
  const { opened } = store;
  if (!opened || !opened.film || !key.startsWith(opened.film)) return {};
  store.opened = null;
  if (opened.calibration > 0 && opened.calibration < 100) store.calibrations.set(filmKey({ key }), opened.calibration);
  return checked(opened.view, width, height);
}

// Only valid values: an address may have been written by hand.
function checked({ x = 0.5, y = 0.5, ...view }, width, height) {
  const safe = { ...view, x: clamp(x, 0, 1) * width, y: clamp(y, 0, 1) * height };
  if ("zoom" in view) safe.zoom = clamp(view.zoom, 0.01, 10_000);
  if ("preset" in view && !(view.preset in PRESETS) && !/^file\d+$/.test(view.preset)) safe.preset = "custom";
  if ("width" in view) safe.width = clamp(view.width, 1, 2 ** 17);
  if ("level" in view) safe.level = clamp(view.level, -(2 ** 17), 2 ** 17);
  return safe;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function readAddress() {
  const opening = parsed(location.hash);
  if (!opening) return;
  store.opened = opening;
  const { hidden, mode, ...look } = opening.look;
  for (const name of ["opacity", "threshold"]) if (name in look) look[name] = clamp(look[name], 0, 1);
  Object.assign(store.look, look, { shown: !hidden });
  if (["heat", "contours", "beside"].includes(mode)) store.look.mode = mode;
  for (const { description } of store.viewers) {
    if (!description || !store.opened || !description.key.startsWith(opening.film)) continue;
    const { turn, flip, invert } = description;
    Object.assign(viewOf(description), untouched(description), { turn, flip, invert }, fromAddress(description));
  }
  tell();
}

function writeAddress() {
  const { front, viewers, opened } = store;
  if (!viewers.size && opened) return; // its film is not loaded yet
  const words = viewers.size && front ? viewWords(front) : [];
  const parts = location.hash.slice(1).split("&").filter((part) => part && !part.startsWith("view="));
  if (words.length) parts.push(`view=${[front.key.slice(0, KEY_LETTERS), ...words].join("~")}`);
  const hash = parts.length ? `#${parts.join("&")}` : "";
  if (hash === location.hash) return;
  history.replaceState(history.state, "", location.pathname + location.search + hash);
}

if (!store.addressed) {
  store.addressed = true;
  readAddress();
  addEventListener("hashchange", readAddress);
  setInterval(writeAddress, BEAT);
  addEventListener("pointerdown", writeAddress, true); // the person may be about to copy it
}
