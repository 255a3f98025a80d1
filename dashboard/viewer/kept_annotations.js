// Stores the annotations of the session's films on the server, and restores them after a reload.
const PAUSE = 300; // ms without a change until the annotations are sent

class KeptAnnotations {
  constructor() {
    this.known = new Map(); // radiograph key -> annotations on the server, as text
    this.sent = new Map(); // the same, in transit
    this.repeated = new Map(); // the same, sent a second time
    this.note = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.send(), PAUSE);
    };
    store.listeners.add(this.note);
  }

  close() {
    clearTimeout(this.timer);
    store.listeners.delete(this.note);
  }

  update({ open, films }, change) {
    this.change = change;
    for (const key of [...this.known.keys()].filter((each) => !open.includes(each))) this.forget(key);
    for (const key of open) {
      const kept = films[key] ?? { shapes: [], calibration: null };
      if (!this.known.has(key)) this.restore(key, kept);
      this.known.set(key, JSON.stringify(kept));
      this.repeat(key);
    }
    this.note();
  }

  // Streamlit drops a message that is still queued when the next one arrives: what the server has not taken is sent once
  // more, and only once, as the server may refuse it.
  repeat(key) {
    const sent = this.sent.get(key);
    if (sent === undefined || sent === this.known.get(key) || this.repeated.get(key) === sent) return;
    this.repeated.set(key, sent);
    this.sent.delete(key);
  }

  // A page without annotations for a film yet gets the earlier ones.
  restore(key, { shapes, calibration }) {
    const here = store.shapes.get(key);
    if (here?.length || store.histories.get(key)?.past.length) return;
    if (!here) store.shapes.set(key, shapes);
    else here.push(...shapes);
    if (calibration) store.calibrations.set(key, calibration);
    if (shapes.length || calibration) tell();
  }

  // Annotations of a removed film are removed with it; undoing the removal restores them from the server.
  forget(key) {
    for (const each of [this.known, this.sent, this.repeated, store.shapes, store.calibrations, store.histories]) each.delete(key);
  }

  send() {
    const changed = {};
    for (const [key, known] of this.known) {
      const now = { shapes: (store.shapes.get(key) ?? []).map(plain), calibration: store.calibrations.get(key) ?? null };
      const text = JSON.stringify(now);
      if (text === known || text === this.sent.get(key)) continue;
      this.sent.set(key, text);
      changed[key] = now;
    }
    if (Object.keys(changed).length) this.change(changed);
  }
}

const plain = ({ kind, points, text }) => ({ kind, points, text: text ?? "" });

export default function ({ parentElement, data, setTriggerValue }) {
  parentElement.annotations ??= new KeptAnnotations();
  parentElement.annotations.update(data, (changed) => setTriggerValue("changed", changed));
  return () => {
    parentElement.annotations?.close();
    delete parentElement.annotations;
  };
}
