// Stores the secret name of this tab's session, and sends it to a server that has given the tab a new session.
// sessionStorage belongs to one tab and one server; it is in no address and survives a reload, but not the tab.
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
