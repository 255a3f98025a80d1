// The menu of methods. All text from outside is set as textContent.
const MARKUP = `
  <button type="button" class="closed" aria-haspopup="dialog" aria-label="Method">
    <span data-part="title"></span>
    <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M6 8l4 4 4-4"/></svg>
  </button>
  <div class="panel" popover="auto" role="dialog" aria-label="Choose a method">
    <div class="search">
      <svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="9" cy="9" r="5"/><path d="M13 13l4 4"/></svg>
      <input type="search" placeholder="Find a method" aria-label="Find a method" role="combobox" aria-expanded="true"
        aria-controls="methods" autocomplete="off" spellcheck="false">
    </div>
    <div class="families" role="tablist" aria-label="Families of methods" data-part="families"></div>
    <div class="methods" role="listbox" id="methods" aria-label="Methods" data-part="methods"></div>
  </div>`;

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

class Chooser {
  constructor(root) {
    this.root = root;
    root.innerHTML = MARKUP;
    this.button = root.querySelector(".closed");
    this.panel = root.querySelector(".panel");
    this.search = root.querySelector("input");
    this.families = root.querySelector("[data-part=families]");
    this.methods = root.querySelector("[data-part=methods]");
    this.place = this.place.bind(this);
    this.button.addEventListener("click", () => this.panel.togglePopover());
    this.button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      this.panel.showPopover();
    });
    this.panel.addEventListener("beforetoggle", (event) => {
      if (event.newState === "open") this.opening();
    });
    this.panel.addEventListener("toggle", (event) => this.toggled(event.newState === "open"));
    this.search.addEventListener("input", () => this.fill());
    this.panel.addEventListener("keydown", (event) => this.key(event));
  }

  close() {
    this.toggled(false);
  }

  update(data, choose) {
    this.data = data;
    this.choose = choose;
    this.root.querySelector("[data-part=title]").textContent = data.title;
    this.button.setAttribute("aria-label", `Method: ${data.title}`);
    this.button.classList.remove("busy");
    if (this.panel.matches(":popover-open")) this.fill();
  }

  opening() {
    this.search.value = "";
    const home = this.data.families.findIndex((each) => each.entries.some((entry) => entry.name === this.data.value));
    this.family = Math.max(home, 0);
    this.fill();
    requestAnimationFrame(this.place);
  }

  toggled(open) {
    const listen = open ? window.addEventListener : window.removeEventListener;
    listen("scroll", this.place, { capture: true });
    listen("resize", this.place);
    this.button.setAttribute("aria-expanded", String(open));
    if (open && !matchMedia("(pointer: coarse)").matches) this.search.focus();
  }

  // Below the button, within the window; above it if there is more room. Nearly the whole screen on a phone.
  place() {
    const { style } = this.panel;
    if (innerWidth <= 640) {
      Object.assign(style, { left: "8px", top: "64px", bottom: "", height: `${innerHeight - 72}px` });
      return;
    }
    const { left, top, bottom } = this.button.getBoundingClientRect();
    const width = this.panel.offsetWidth;
    const below = innerHeight - bottom - 16;
    const over = below < 320 && top > below;
    const tall = Math.min(480, (over ? top : below + 16) - 16);
    style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - width - 8))}px`;
    style.top = over ? "" : `${bottom + 4}px`;
    style.bottom = over ? `${innerHeight - top + 4}px` : "";
    style.height = `${tall}px`;
  }

  matches() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [this.data.families[this.family]];
    const has = (text) => words.every((word) => text.toLowerCase().includes(word));
    const named = (entry) => has(`${entry.name} ${entry.title}`); // other matches only mention the search text in their description
    const inText = (family) => (entry) => !named(entry) && has(`${entry.name} ${entry.title} ${entry.plain} ${family.name}`);
    const families = [named, null].flatMap((rule) =>
      this.data.families.map((family) => ({ ...family, entries: family.entries.filter(rule ?? inText(family)) })),
    );
    return families.filter((family) => family.entries.length);
  }

  fill() {
    const searching = Boolean(this.search.value.trim());
    this.families.replaceChildren(
      ...this.data.families.map((family, index) => {
        const tab = element("button", "family");
        tab.append(element("span", "", family.name), element("span", "count", String(family.entries.length)));
        tab.type = "button";
        tab.setAttribute("role", "tab");
        tab.setAttribute("aria-selected", String(!searching && index === this.family));
        tab.onclick = () => {
          this.search.value = "";
          this.family = index;
          this.fill();
        };
        return tab;
      }),
    );
    const matching = this.matches();
    const parts = matching.flatMap((family) => [this.head(family, searching), ...family.entries.map((each) => this.row(each))]);
    if (!parts.length) parts.push(element("p", "none", "No method matches."));
    this.methods.replaceChildren(...parts);
    this.methods.scrollTop = 0;
    this.point(this.methods.querySelector('[aria-selected="true"]') ?? (searching && this.options()[0]) ?? null);
    this.families.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  head(family, searching) {
    const head = element("p", "head");
    if (searching) head.append(element("b", "", family.name));
    head.append(element("span", "", family.words));
    return head;
  }

  row(entry) {
    const row = element("div", "method");
    row.id = `method-${entry.name}`;
    row.dataset.method = entry.name;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(entry.name === this.data.value));
    const top = element("span", "top");
    top.append(element("b", "", entry.title));
    if (entry.cost) top.append(element("span", "cost", entry.cost));
    row.append(top, element("span", "plain", entry.plain));
    if (entry.reason) {
      row.setAttribute("aria-disabled", "true");
      row.append(element("span", "reason", `Not available: ${entry.reason}`));
    } else {
      row.onclick = () => this.pick(entry);
      row.onpointermove = () => this.point(row, false);
    }
    return row;
  }

  pick(entry) {
    this.panel.hidePopover();
    this.button.focus();
    if (entry.name === this.data.value) return;
    this.root.querySelector("[data-part=title]").textContent = entry.title; // immediately; the server confirms it
    this.button.classList.add("busy");
    this.choose(entry.name);
  }

  options() {
    return [...this.methods.querySelectorAll('.method:not([aria-disabled="true"])')];
  }

  point(row, move = true) {
    this.methods.querySelector(".at")?.classList.remove("at");
    this.at = row || null;
    this.at?.classList.add("at");
    this.search.setAttribute("aria-activedescendant", this.at?.id ?? "");
    if (move) this.at?.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const options = this.options();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) {
      event.preventDefault();
      const here = options.indexOf(this.at);
      this.point(options[here < 0 ? (step > 0 ? 0 : options.length - 1) : (here + step + options.length) % options.length]);
    } else if (event.key === "Enter" && this.at && event.target === this.search) {
      event.preventDefault();
      this.at.click();
    }
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".chooser");
  root.chooser ??= new Chooser(root);
  root.chooser.update(data, (name) => setTriggerValue("chosen", name));
  return () => {
    root.chooser?.close();
    delete root.chooser;
  };
}
