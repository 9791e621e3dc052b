// A searchable menu as Slack draws it, for static_select and external_select:
// an input with a list under it, by the ARIA combobox pattern.
import { h, icon } from "./dom.js";
import { plain } from "./mrkdwn.js";

let count = 0;

// combobox draws one. o: {name, label, placeholder, chosen (an option or null),
// load(typed) -> groups, choose(option), least (characters before it loads),
// describedby, invalid}.
export function combobox(o) {
  count += 1;
  const id = `menu-${count}`;
  const list = h("div", { class: "menu", id, role: "listbox", "aria-label": o.label, hidden: true });
  const input = h("input", {
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    id: o.id,
    test: `input-${o.name}`,
    placeholder: o.placeholder,
    "aria-label": o.label,
    "aria-expanded": "false",
    "aria-controls": id,
    "aria-autocomplete": "list",
    "aria-describedby": o.describedby,
    "aria-invalid": o.invalid ? "true" : null,
    value: textOf(o.chosen),
  });
  const box = h("div", { class: "combo" }, input, h("span", { class: "combo-arrow" }, icon("down")), list);
  new Menu(o, input, list).listen();
  return box;
}

const textOf = (option) => (option ? plain(option.text?.text) : "");

class Menu {
  constructor(o, input, list) {
    Object.assign(this, { o, input, list, options: [], at: -1, asked: 0 });
  }

  listen() {
    const { input } = this;
    input.addEventListener("click", () => this.open(""));
    input.addEventListener("input", () => this.later());
    input.addEventListener("keydown", (e) => this.key(e));
    input.addEventListener("blur", () => this.close());
    input.addEventListener("focus", () => input.select());
    this.list.addEventListener("mousedown", (e) => e.preventDefault()); // keeps the focus in the input
  }

  get isOpen() {
    return !this.list.hidden;
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(this.input.value), 120);
  }

  async open(typed) {
    clearTimeout(this.timer);
    this.show();
    if ([...typed].length < (this.o.least || 0)) return this.say(`Type at least ${this.o.least} characters`);
    if (!this.options.length) this.say("Loading…");
    this.asked += 1;
    const mine = this.asked;
    const groups = await this.o.load(typed).catch(() => null);
    if (mine !== this.asked || !this.isOpen) return undefined; // a later question was asked, or nobody waits
    return groups ? this.fill(groups) : this.say("The options could not be loaded.");
  }

  show() {
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    const at = this.input.getBoundingClientRect();
    const below = innerHeight - at.bottom - 12;
    const up = below < 180 && at.top > below;
    Object.assign(this.list.style, {
      left: `${at.left}px`,
      width: `${at.width}px`,
      top: up ? "auto" : `${at.bottom + 4}px`,
      bottom: up ? `${innerHeight - at.top + 4}px` : "auto",
      maxHeight: `${Math.min(280, up ? at.top - 12 : below)}px`,
    });
  }

  close() {
    clearTimeout(this.timer);
    this.asked += 1;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.input.value = textOf(this.o.chosen);
  }

  say(words) {
    this.options = [];
    this.at = -1;
    this.list.replaceChildren(h("div", { class: "menu-note" }, words));
  }

  fill(groups) {
    this.options = [];
    const rows = groups.flatMap((g) => [
      g.label && (g.options || []).length ? h("div", { class: "menu-group", role: "presentation" }, plain(g.label.text)) : null,
      ...(g.options || []).map((option) => this.row(option)),
    ]);
    if (!this.options.length) return this.say("Nothing found");
    this.list.replaceChildren(...rows.filter(Boolean));
    return this.mark(Math.max(0, this.options.findIndex((r) => r.option.value === this.o.chosen?.value)));
  }

  row(option) {
    const i = this.options.length;
    const row = h(
      "div",
      {
        class: "menu-row",
        role: "option",
        id: `${this.list.id}-${i}`,
        test: `option-${option.text?.text}`,
        "aria-selected": String(option.value === this.o.chosen?.value),
        on: { click: () => this.pick(i), mousemove: () => this.mark(i) },
      },
      h("span", {}, textOf(option)),
      option.description ? h("small", {}, plain(option.description.text)) : null,
    );
    this.options.push({ option, row });
    return row;
  }

  mark(i) {
    this.options[this.at]?.row.classList.remove("marked");
    this.at = i;
    const { row } = this.options[i];
    row.classList.add("marked");
    row.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", row.id);
  }

  pick(i) {
    const { option } = this.options[i];
    this.o.chosen = option;
    this.close();
    this.o.choose(option);
  }

  key(e) {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") this.step(e, e.key === "ArrowDown" ? 1 : -1);
    else if (e.key === "Enter") this.enter(e);
    else if (e.key === "Escape" && this.isOpen) {
      e.preventDefault(); // closes the list, not the dialog
      e.stopPropagation();
      this.close();
    }
  }

  step(e, by) {
    e.preventDefault();
    if (!this.isOpen) this.open("");
    else if (this.options.length) this.mark((this.at + by + this.options.length) % this.options.length);
  }

  enter(e) {
    if (!this.isOpen) return;
    e.preventDefault();
    if (this.at >= 0) this.pick(this.at);
  }
}

// among finds the options of a static menu that match what was typed.
export function among(element) {
  const groups = element.option_groups || [{ options: element.options || [] }];
  return async (typed) => {
    const wanted = typed.trim().toLowerCase();
    const fits = (option) => (option.text?.text || "").toLowerCase().includes(wanted);
    return groups.map((g) => ({ label: g.label, options: (g.options || []).filter(fits) }));
  };
}
