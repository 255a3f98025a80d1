// Holds the secret name of the session for this tab, and names it to a server that has given the tab a new session.
// sessionStorage belongs to one tab and one server; it is in no address and outlives a reload, not the tab.
const PLACE = "lightbox session";

export default function ({ data, setStateValue }) {
  const before = JSON.parse(sessionStorage.getItem(PLACE) ?? '{"name": "", "films": 0}');
  const other = before.name && before.name !== data.name;
  if (!data.resumed && (other || data.waits)) {
    setStateValue("before", other ? before : { name: "", films: 0 });
    return;
  }
  sessionStorage.setItem(PLACE, JSON.stringify({ name: data.name, films: data.films }));
}
