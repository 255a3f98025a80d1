// Transfer of the film's pixels from the server to the page.
const ROOM = 384 * 2 ** 20; // bytes of cached films
const ATTEMPTS = 5; // a film may be requested shortly before the server has it again

// The server's root, also below a base path or behind a proxy, from the address of Streamlit's own script.
function address(path) {
  const script = document.querySelector('script[type="module"][src*="static/js/"]');
  const root = script ? script.src.split("/static/js/")[0] : location.origin;
  return root + path;
}

// The film if it is cached; else undefined.
function filmAt(key) {
  const film = store.films.get(key);
  if (film) {
    store.films.delete(key);
    store.films.set(key, film);
  }
  return film;
}

// The film once its pixels have arrived; several viewers share one transfer.
function filmOf(description, progress) {
  const here = filmAt(description.key);
  if (here) return Promise.resolve(here);
  let arriving = store.arriving.get(description.key);
  if (!arriving) {
    arriving = { promise: null, watchers: new Set() };
    arriving.promise = fetchFilm(description, (share) => arriving.watchers.forEach((watch) => watch(share)))
      .then(keep)
      .finally(() => store.arriving.delete(description.key));
    store.arriving.set(description.key, arriving);
  }
  arriving.watchers.add(progress);
  return arriving.promise;
}

function keep(film) {
  store.films.set(film.key, film);
  let used = 0;
  for (const each of store.films.values()) used += each.pixels.byteLength;
  for (const [key, each] of store.films) {
    if (used <= ROOM || each === film) break;
    store.films.delete(key);
    used -= each.pixels.byteLength;
  }
  return film;
}

async function fetchFilm(description, progress) {
  const { key, width, height, bits } = description;
  const expected = (width * height * bits) / 8;
  for (let attempt = 1; ; attempt++) {
    // A range request prevents compression, which costs more than it saves on one machine.
    const response = await fetch(address(description.address), { headers: { Range: "bytes=0-" } });
    if (response.ok) {
      const bytes = await received(response, expected, progress);
      const pixels = bits === 8 ? bytes : new Uint16Array(bytes.buffer);
      return { key, width, height, bits, pixels, levels: [{ pixels, width, height }], counts: null };
    }
    if (attempt === ATTEMPTS) throw new Error(`the server answered ${response.status}`);
    await new Promise((resolve) => setTimeout(resolve, 60 * 2 ** attempt));
  }
}

async function received(response, expected, progress) {
  const bytes = new Uint8Array(expected);
  const reader = response.body.getReader();
  let filled = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (filled + value.length > expected) throw new Error("received more pixels than the film has");
    bytes.set(value, filled);
    filled += value.length;
    progress(filled / expected);
  }
  if (filled !== expected) throw new Error(`received ${filled} of ${expected} bytes`);
  return bytes;
}
