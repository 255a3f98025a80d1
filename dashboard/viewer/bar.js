// One bar of controls for all viewers of a link. It acts on the viewer touched last, and the others follow.
const BAR = `
  <div class="line">
    <p class="readout" data-part="readout" data-testid="readout"></p>
    <button type="button" class="clear" data-part="clear" data-act="clear" hidden></button>
    <p class="quiet notice">${NOTICE}</p>
  </div>`;

class Bar {
  constructor(root) {
    root.innerHTML = TOOLS + BAR;
    root.classList.add("alone");
    this.tools = new Tools(root, () => this.lead());
    this.parts = this.tools.parts;
    this.stopKeys = listenToKeys(root, () => this.lead());
    this.sync = () => {
      this.tools.sync();
      const viewer = this.lead();
      write(this.parts.readout, viewer ? readoutWords(viewer.view()) : "");
      syncClear(this.parts.clear, viewer);
    };
    store.listeners.add(this.sync);
  }

  close() {
    store.listeners.delete(this.sync);
    this.stopKeys();
  }

  lead() {
    const mine = [...store.viewers].filter((viewer) => viewer.link === this.link && viewer.data);
    return mine.find((viewer) => viewer === store.touched) ?? mine.find((viewer) => viewer.drawable) ?? mine[0];
  }
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".viewer");
  root.bar ??= new Bar(root);
  root.bar.link = data.link;
  root.bar.sync();
  return () => {
    root.bar?.close();
    delete root.bar;
  };
}
