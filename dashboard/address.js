// Keeps the query of the address as the server set it: Streamlit drops it when the page changes, and this restores it.
const BEAT = 400; // ms

const address = (window.lightboxAddress ??= {
  query: "",
  ours: [],
  // What others keep in the query, the Models page for one, stays.
  write() {
    const now = new URLSearchParams(location.search);
    const before = now.toString();
    for (const name of address.ours) now.delete(name);
    for (const [name, value] of new URLSearchParams(address.query)) now.append(name, value);
    const after = now.toString();
    if (after === before) return;
    history.replaceState(history.state, "", location.pathname + (after ? `?${after}` : "") + location.hash);
  },
});
address.beat ??= setInterval(address.write, BEAT);

export default function ({ data }) {
  address.query = data.query;
  address.ours = data.ours;
}
