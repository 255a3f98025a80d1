// The grey window: which stored values are black and white.
// DICOM's convention (PS3.3 C.11.2.1.2, LINEAR): a window over all 256 values of eight bits has width 256, centre 128.
const NOTICE = "8-bit grey, not a diagnostic display";

function windowOf(black, white) {
  return { width: white - black, level: (white + black) / 2 };
}

function windowWords({ width, level }) {
  return `W ${Math.round(width + 1)}  L ${Math.round(level + 0.5)}`;
}

// Shares of the pixels that are black and white in a preset. The lungs are the dark half of a chest film, its bones and
// the region behind the heart the bright half; the film's flat borders don't count.
const SHARES = { percentile: [0.01, 0.99], lung: [0.01, 0.7], bone: [0.3, 0.998] };
const PRESETS = {
  film: "Film's own window",
  percentile: "Percentile 1–99",
  full: "Full range",
  lung: "Lung",
  bone: "Bone",
};

// The window of a preset; undefined if the film does not have that preset.
function presetWindow(name, film, description) {
  const [, index] = name.match(/^file(\d+)$/) ?? [];
  const own = index === undefined ? [description.black, description.white] : description.windows[index]?.slice(1);
  let ends = own;
  if (name === "full") ends = percentiles(film, [1e-12, 1]);
  else if (name === "percentile") ends = percentiles(film, SHARES.percentile);
  else if (name in SHARES) ends = percentiles(film, SHARES[name], true);
  return ends && windowOf(ends[0], Math.max(ends[1], ends[0] + 1));
}

// The stored values below which `shares` of the pixels lie; `inner` leaves out the lowest and highest value that occur,
// which may be borders or burnt-in marks.
function percentiles(film, shares, inner = false) {
  if (!film.counts) {
    film.counts = new Uint32Array(2 ** film.bits);
    for (const value of film.pixels) film.counts[value]++;
  }
  let [first, last, total] = [0, film.counts.length - 1, film.pixels.length];
  if (inner) {
    while (!film.counts[first]) first++;
    while (!film.counts[last]) last--;
    if (last - first > 1 && film.counts[first] + film.counts[last] < total) {
      total -= film.counts[first++] + film.counts[last--];
    }
  }
  return shares.map((share) => {
    let below = 0;
    for (let value = first; value <= last; value++) {
      below += film.counts[value];
      if (below >= share * total) return value;
    }
    return last;
  });
}

// Grey 0..255 for each stored value: black at level - width / 2, white at level + width / 2.
function greys(view, bits) {
  const table = new Uint32Array(2 ** bits);
  const black = view.level - view.width / 2;
  for (let value = 0; value < table.length; value++) {
    const share = Math.min(Math.max((value - black) / view.width, 0), 1);
    const grey = Math.floor((view.invert ? 1 - share : share) * 255 + 0.5);
    table[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  return table;
}
