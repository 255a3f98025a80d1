// The network from the film down to the findings. A stage unfolds here; a click on it asks the server for its units.
const made = (kind, name, text = "") => Object.assign(document.createElement(kind), { className: name, textContent: text });

class NetworkMap {
  constructor(root) {
    this.root = root;
    root.setAttribute("aria-label", "Stages of the network");
    this.open = null;
  }

  update(data, choose) {
    this.choose = choose;
    const drawn = JSON.stringify([data.film, data.stages, data.head]);
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      if (data.name !== this.name) this.open = null;
      this.name = data.name;
      this.shows = [];
      this.root.replaceChildren(made("p", "end", `The film at ${data.film}`));
      this.items = data.stages.map((stage) => this.stage(stage, true));
      this.root.append(...this.items, this.stage(data.head, false));
    }
    this.mark(data.chosen);
  }

  stage(stage, clickable) {
    const item = made("div", "stage");
    item.dataset.stage = stage.name;
    const button = made(clickable ? "button" : "div", "body");
    const words = made("span", "words");
    words.append(made("b", "name", stage.name), made("span", "", stage.shape));
    if (stage.sees) words.append(made("span", "quiet", stage.sees));
    words.append(made("span", "quiet", `${stage.parameters} parameters`));
    button.append(this.glyph(stage.size), words);
    item.append(button);
    if (clickable) {
      button.type = "button";
      button.onclick = () => {
        this.mark(stage.name);
        this.choose(stage.name);
      };
    }
    if (stage.layers.length) item.append(...this.layers(stage));
    return item;
  }

  // As high as the maps are, as wide as there are many of them, both as powers of two.
  glyph([units, high]) {
    const place = made("span", "glyph");
    const block = made("i", "");
    block.style.width = `${Math.min(4 + 2.6 * Math.max(Math.log2(units) - 2, 0), 30)}px`;
    block.style.height = `${high ? 5 + 4 * Math.log2(high) : 4}px`;
    place.append(block);
    place.setAttribute("aria-hidden", "true");
    return place;
  }

  layers(stage) {
    const fold = made("button", "fold", `${stage.layers.length} layers`);
    const list = made("ol", "layers");
    fold.type = "button";
    const show = () => {
      const open = this.open === stage.name;
      const fresh = open && !list.children.length;
      fold.setAttribute("aria-expanded", String(open));
      fold.setAttribute("aria-label", `Layers of ${stage.name}`);
      list.hidden = !open;
      if (fresh) list.append(...stage.layers.map((layer) => this.layer(layer)));
      if (fresh) this.press(list, this.marked);
    };
    fold.onclick = () => {
      this.open = this.open === stage.name ? null : stage.name;
      for (const each of this.shows) each();
    };
    this.shows.push(show);
    show();
    return [fold, list];
  }

  layer([short, name, kind, shape, own, asked]) {
    const item = made("li", "");
    const line = made(asked ? "button" : "div", "layer");
    line.title = name;
    if (asked) {
      line.type = "button";
      line.dataset.layer = name;
      line.onclick = () => {
        this.mark(name);
        this.choose(name);
      };
    }
    item.append(line);
    line.append(made("b", "", kind), made("span", "", shape), made("span", "quiet", [short, own].filter(Boolean).join(" · ")));
    return item;
  }

  press(root, chosen) {
    for (const line of root.querySelectorAll("button.layer")) {
      line.setAttribute("aria-pressed", String(line.dataset.layer === chosen));
    }
  }

  mark(chosen) {
    for (const item of this.items) {
      item.firstChild.setAttribute("aria-pressed", String(item.dataset.stage === chosen));
    }
    this.press(this.root, chosen);
    if (this.marked !== chosen && matchMedia("(max-width: 640px)").matches) {
      const item = this.items.find((each) => each.dataset.stage === chosen);
      if (item) this.root.scrollTo({ left: item.offsetLeft - 24 });
    }
    this.marked = chosen;
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".network");
  root.map ??= new NetworkMap(root);
  root.map.update(data, (stage) => setTriggerValue("chosen", stage));
  return () => {
    delete root.map;
    root.replaceChildren();
  };
}
