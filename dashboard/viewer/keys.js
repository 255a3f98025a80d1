// The keyboard.
const PLAIN_KEYS = {
  "+": "closer", "=": "closer", "-": "farther", "−": "farther", "0": "reset", Home: "reset", "1": "single",
  "2": "film", "3": "percentile", "4": "full", "5": "lung", "6": "bone", "?": "help",
  i: "invert", r: "turn", f: "flip", o: "toggle", m: "mode", "[": "before", "]": "after", ",": "fainter", ".": "stronger",
  w: "window", p: "pan", l: "length", u: "ellipse", q: "rectangle", a: "angle", d: "diameter", n: "arrow", x: "text", s: "save", g: "loupe", c: "cross", v: "planes", e: "expand", t: "texts", b: "fold", Enter: "mark", Delete: "removeLast", Backspace: "removeLast",
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ON_FILM = ["Enter", "Delete", "Backspace"]; // elsewhere they press buttons or edit text

const undoes = ({ key }) => ["z", "y"].includes(key.toLowerCase());

// Keys work while `root` has the focus, or the pointer rests on it and no text field has the focus.
// lead: () => the viewer they act on, if any. Returns a function that stops listening.
function listenToKeys(root, lead) {
  let hovered = false;
  root.addEventListener("pointerenter", () => (hovered = true));
  root.addEventListener("pointerleave", () => (hovered = false));
  const mine = (event) => {
    const target = event.composedPath()[0];
    if (event.altKey || !lead()?.film) return false;
    if ((event.ctrlKey || event.metaKey) && !undoes(event)) return false;
    if (event.composedPath().includes(root)) {
      if (target.matches("select, input[type=text]") || target.closest("dialog")) return false;
      if (target.matches("input") && (event.key in ARROWS || event.key === "Home")) return false;
      if (ON_FILM.includes(event.key) && !target.matches("canvas")) return false;
      return !(target.matches("button") && event.key === " ");
    }
    if (!hovered || ON_FILM.includes(event.key)) return false;
    return target === document.body || !target.matches?.("input, textarea, select, button, [contenteditable], [role]");
  };
  const down = (event) => {
    if (!mine(event)) return;
    const viewer = lead();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const crossed = store.cross?.viewer === viewer && store.cross.keyboard;
    const [dx, dy] = ARROWS[key] ?? [];
    if (event.ctrlKey || event.metaKey) viewer.act(key === "y" || event.shiftKey ? "redo" : "undo");
    else if (key === " " || key === "h") viewer.peek(true);
    else if (key in ARROWS && crossed) moveCross(viewer, dx, dy, event.shiftKey ? 0 : 8);
    else if (key in ARROWS && event.shiftKey) windowBy(viewer, 12 * dx, 12 * dy);
    else if (key in ARROWS) panBy(viewer, -40 * dx, -40 * dy);
    else if (key === "Escape" && crossed) viewer.act("cross");
    else if (key === "Escape" && viewer.asked) answerLabel(viewer, viewer.asked, null); // its field gets the focus a frame later
    else if (key === "Escape" && presenting()) viewer.act("expand");
    else if (key === "r" && event.shiftKey) viewer.act("turnBack");
    else if (key in PLAIN_KEYS) viewer.act(PLAIN_KEYS[key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const up = (event) => {
    if (event.key === " " || event.key.toLowerCase() === "h") lead()?.peek(false);
  };
  const away = () => lead()?.peek(false);
  document.addEventListener("keydown", down, true);
  document.addEventListener("keyup", up, true);
  window.addEventListener("blur", away);
  return () => {
    document.removeEventListener("keydown", down, true);
    document.removeEventListener("keyup", up, true);
    window.removeEventListener("blur", away);
  };
}
