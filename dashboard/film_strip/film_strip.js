// The open films as a list that runs in the browser: sorted, filtered and stepped through without the server.
const SHOW_FROM = 4; // films, from which sorting and filtering are offered
const FIND_FROM = 12; // films, from which a search by name is offered
const BEAT = 400; // ms until pending predictions are requested again
const ORDERS = {
  added: ["as added", null],
  name: ["by name", (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })],
  finding: ["by finding", (a, b) => a.words.localeCompare(b.words) || b.probability - a.probability],
  probability: ["by probability", (a, b) => b.probability - a.probability],
  uncertain: ["least certain", (a, b) => a.margin - b.margin],
  warning: ["warnings", (a, b) => b.warning - a.warning],
  label: ["by label", (a, b) => (a.label || "\uffff").localeCompare(b.label || "\uffff")],
  disagreement: ["disagreement", (a, b) => (b.disagreement ?? -1) - (a.disagreement ?? -1)],
};
// The person's choices survive reruns and page changes.
const chosen = (window.lightboxStrip ??= { order: "added", shown: "all", text: "", strip: null });

class FilmStrip {
  constructor(root) {
    this.root = root;
    this.tools = root.querySelector(".tools");
    this.list = root.querySelector(".list");
    this.count = root.querySelector(".count");
    this.find = root.querySelector("input");
    [this.shown, this.order] = root.querySelectorAll("select");
    this.rows = new Map();
    this.find.value = chosen.text;
    this.find.oninput = () => this.change("text", this.find.value);
    this.shown.onchange = () => this.change("shown", this.shown.value);
    this.order.onchange = () => this.change("order", this.order.value);
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    chosen.strip = this;
  }

  close() {
    clearTimeout(this.beat);
    document.removeEventListener("keydown", this.keys);
  }

  change(name, value) {
    chosen[name] = value;
    if (chosen.order === "disagreement" && !this.data.compared) this.send("compared", true);
    this.arrange();
  }

  update(data, send) {
    const moved = this.data?.open !== data.open || this.data?.films.length !== data.films.length;
    Object.assign(this, { data, send, open: data.open });
    options(this.shown, this.filters(), chosen.shown);
    options(this.order, this.orders(), chosen.order);
    this.tools.hidden = data.films.length < SHOW_FROM;
    this.find.hidden = data.films.length < FIND_FROM;
    this.arrange();
    if (moved) this.reveal();
    clearTimeout(this.beat);
    if (data.pending) this.beat = setTimeout(() => this.send("more", Date.now()), BEAT);
  }

  orders() {
    const films = this.data.films;
    const has = { label: films.some((film) => film.label), disagreement: this.data.models > 1 };
    return Object.entries(ORDERS).filter(([name]) => has[name] ?? true).map(([name, [words]]) => [name, words]);
  }

  filters() {
    const films = this.data.films;
    const known = (values) => [...new Set(values.filter(Boolean))].sort();
    return [
      ["all", "all films"],
      ...known(films.map((film) => film.words)).map((words) => [`finding ${words}`, words]),
      ...known(films.map((film) => film.label)).map((label) => [`label ${label}`, `label ${label}`]),
      ...(films.some((film) => film.warning) ? [["warning", "warnings"]] : []),
      ...(films.some((film) => film.right === false) ? [["wrong", "wrong"]] : []),
    ];
  }

  wanted(film) {
    const { shown, text } = chosen;
    if (text && !this.find.hidden && !`${film.name} ${film.label}`.toLowerCase().includes(text.toLowerCase())) return false;
    if (this.tools.hidden || shown === "all") return true;
    if (shown === "warning") return film.warning;
    if (shown === "wrong") return film.right === false;
    return shown === `finding ${film.words}` || shown === `label ${film.label}`;
  }

  arrange() {
    const compare = this.tools.hidden ? null : ORDERS[chosen.order]?.[1];
    const films = this.data.films.filter((film) => this.wanted(film));
    if (compare) films.sort(compare);
    this.films = films;
    const seen = new Set(this.data.films.map((film) => film.key));
    for (const [key, row] of this.rows) if (!seen.has(key)) row.remove(), this.rows.delete(key);
    this.list.replaceChildren(...films.map((film) => this.row(film)));
    const all = this.data.films.length;
    this.count.textContent = films.length < all ? `${films.length} of ${all} films` : "";
    this.mark();
  }

  row(film) {
    const text = JSON.stringify(film);
    let row = this.rows.get(film.key);
    if (row?.content === text) return row;
    row ??= document.createElement("li");
    row.content = text;
    row.dataset.key = film.key;
    const image = Object.assign(document.createElement("img"), { src: film.picture, alt: "", loading: "lazy" });
    const name = element("b", film.name);
    const line = element("span", "");
    line.className = "line";
    if (film.colour) line.append(dot(film.colour));
    if (film.note) line.append(element("i", film.note));
    else if (film.words) line.append(`${film.words} ${film.probability.toFixed(2)}`, film.more ? element("i", `+${film.more}`) : "");
    if (film.label) line.append(label(film));
    if (chosen.order === "disagreement" && film.disagreement != null) line.append(element("i", `differ by ${film.disagreement.toFixed(2)}`));
    if (film.drawn) line.append(tag("drawn"));
    if (film.warning) line.append(tag("!", "A check of this film warns"));
    const open = element("button", "");
    open.type = "button";
    open.append(image, element("span", ""));
    open.lastChild.append(name, line);
    open.title = film.name;
    open.onclick = () => this.choose(film.key);
    const remove = element("button", "×");
    remove.type = "button";
    remove.className = "remove";
    remove.setAttribute("aria-label", `Remove ${film.name}`);
    remove.title = "Remove film";
    remove.onclick = () => this.send("removed", film.key);
    row.replaceChildren(open, remove);
    this.rows.set(film.key, row);
    return row;
  }

  mark() {
    for (const [key, row] of this.rows) {
      row.classList.toggle("open", key === this.open);
      if (key === this.open) row.firstChild.setAttribute("aria-current", "true");
      else row.firstChild.removeAttribute("aria-current");
    }
  }

  reveal() {
    const row = this.rows.get(this.open);
    if (!row?.isConnected) return;
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    const { scrollTop, clientHeight } = this.list;
    if (top < scrollTop || bottom > scrollTop + clientHeight) this.list.scrollTop = top - (clientHeight - row.offsetHeight) / 2;
  }

  choose(key) {
    this.open = key;
    this.mark();
    this.reveal();
    clearTimeout(this.beat); // a later message would replace this one while it is queued
    this.send("opened", key);
  }

  step(by) {
    const place = this.films.findIndex((film) => film.key === this.open);
    const next = this.films[place < 0 ? (by > 0 ? 0 : this.films.length - 1) : place + by];
    if (next) this.choose(next.key);
    return Boolean(next);
  }

  // J and K work everywhere except in text fields; the arrows while the list has the focus.
  key(event) {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.matches?.("input, textarea, select, [contenteditable]") || target.closest?.("dialog, [role=listbox], [role=dialog]")) return;
    const here = event.composedPath().includes(this.list);
    const by = { j: 1, J: 1, k: -1, K: -1 }[event.key] ?? (here ? { ArrowDown: 1, ArrowUp: -1 }[event.key] : 0);
    if (!by) return;
    event.preventDefault();
    this.step(by);
    if (here) this.rows.get(this.open)?.firstChild.focus({ preventScroll: true });
  }
}

function element(kind, text) {
  return Object.assign(document.createElement(kind), { textContent: text });
}

function dot(colour) {
  const dot = element("span", "");
  dot.className = "dot";
  dot.style.background = colour;
  return dot;
}

function tag(text, title = "") {
  return Object.assign(element("span", text), { className: text === "!" ? "warning" : "tag", title });
}

// The label, and whether the model agrees: shown by a sign and words, not by colour alone.
function label(film) {
  const sign = film.right === true ? "✓ " : film.right === false ? "✗ " : "";
  const meaning = film.right === true ? "The model agrees." : film.right === false ? "The model disagrees." : "";
  return Object.assign(element("span", `${sign}label ${film.label}`), {
    className: film.right === false ? "label wrong" : "label",
    title: `Label: ${film.label}. ${meaning}`.trim(),
  });
}

function options(select, entries, value) {
  const text = JSON.stringify(entries);
  if (select.entries !== text) {
    select.entries = text;
    select.replaceChildren(...entries.map(([name, words]) => new Option(words, name)));
  }
  select.value = entries.some(([name]) => name === value) ? value : entries[0][0];
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".strip");
  root.strip ??= new FilmStrip(root);
  root.strip.update(data, setTriggerValue);
  return () => {
    root.strip?.close();
    delete root.strip;
  };
}
