// Keeps the address query as the server set it: Streamlit drops it when the page changes, and this restores it.
// Each change of film, model, finding, method or stage is a separate step, so that Back undoes it. Streamlit answers Back
// with a run on the earlier query (dashboard/link.py); until then the address stays as Back has set it.
const BEAT = 400; // ms

const address = (window.lightboxAddress ??= {
  query: "",
  ours: [],
  visits: null, // how many times the server has followed Back or Forward; null before its first answer
  // Entries that others set in the query, such as the Models page, stay.
  write(how = "replaceState") {
    const now = new URLSearchParams(location.search);
    const before = now.toString();
    for (const name of address.ours) now.delete(name);
    for (const [name, value] of new URLSearchParams(address.query)) now.append(name, value);
    const after = now.toString();
    if (after === before) return;
    history[how](how === "pushState" ? {} : history.state, "", location.pathname + (after ? `?${after}` : "") + location.hash);
  },
  // The part of the query set by the server.
  read() {
    return new URLSearchParams([...new URLSearchParams(location.search)].filter(([name]) => address.ours.includes(name)));
  },
});
address.beat ??= setInterval(() => address.write(), BEAT);
if (!address.listens) {
  address.listens = true;
  addEventListener("popstate", () => (address.query = address.read().toString()));
}

function differ(one, other, names) {
  const [first, second] = [new URLSearchParams(one), new URLSearchParams(other)];
  return names.some((name) => first.getAll(name).join() !== second.getAll(name).join());
}

export default function ({ data }) {
  const { query, ours, steps, visits } = data;
  const step = address.visits === visits && differ(address.query, query, steps);
  Object.assign(address, { query, ours, visits });
  address.write(step ? "pushState" : "replaceState");
}
