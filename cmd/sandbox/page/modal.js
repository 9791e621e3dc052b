// Forms over the page, as Slack draws them, and the small dialog that asks
// "are you sure". Both are native dialogs: the browser traps the focus.
import { act, suggest } from "./api.js";
import { drawBlocks, nameOf } from "./blocks.js";
import { h, icon, memo } from "./dom.js";
import { plain } from "./mrkdwn.js";

const titleOf = (text, otherwise) => plain(typeof text === "string" ? text : text?.text) || otherwise;

// ViewDialog shows the open view of the present person. It keeps what was typed
// while block and action ids stay the same, as Slack does.
export class ViewDialog {
  // o: {names(), me(), refresh() (a promise), fail(words)}
  constructor(o) {
    this.o = o;
    this.view = null;
    this.drafts = new Map(); // view/block/action -> {text} or {option}
    this.errors = {}; // by block id, found before a submit; the view holds those told after it
    this.closed = new Set(); // views that were closed and may still be in a state
    this.dialog = h("dialog", { class: "modal", test: "modal", "aria-labelledby": "modal-title" });
    this.dialog.addEventListener("cancel", (e) => {
      e.preventDefault();
      this.close();
    });
    this.dialog.addEventListener("keydown", (e) => keepInside(this.dialog, e));
    this.draw = memo(() => this.fill(this.view));
    document.body.append(this.dialog);
  }

  // show draws the last open view of the person, or none.
  show(views) {
    const mine = views.filter((v) => v.user === this.o.me() && !this.closed.has(v.id));
    const view = mine.at(-1) || null;
    if (view?.id !== this.view?.id) this.turnTo(view);
    this.view = view;
    this.redraw();
    if (view && !this.dialog.open) this.open();
    if (!view && this.dialog.open) this.dialog.close();
  }

  turnTo() {
    this.errors = {};
    this.alarm = "";
    if (this.dialog.open) this.dialog.close();
  }

  open() {
    this.dialog.showModal();
    (this.dialog.querySelector(".modal-body input, .modal-body textarea") || this.dialog.querySelector("[data-test=modal-submit]"))?.focus();
  }

  // forget drops everything, after a reset.
  forget() {
    this.drafts.clear();
    this.closed.clear();
    this.turnTo();
    this.view = null;
  }

  fill(view) {
    const had = this.dialog.contains(document.activeElement) ? document.activeElement : null;
    const mark = had && { test: had.dataset.test, from: had.selectionStart, to: had.selectionEnd };
    const scrolled = this.dialog.querySelector(".modal-body")?.scrollTop || 0;
    const form = h("form", { novalidate: true, "aria-label": titleOf(view.title, "Form") }, this.top(view), this.body(view), this.bottom(view));
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      this.submit();
    });
    this.dialog.replaceChildren(form);
    form.querySelector(".modal-body").scrollTop = scrolled;
    if (mark) this.giveBack(mark);
  }

  // giveBack returns the focus to where it was, or to a button if that is gone.
  giveBack({ test, from, to }) {
    const el = test && this.dialog.querySelector(`[data-test="${CSS.escape(test)}"]`);
    if (!el) {
      this.dialog.querySelector("[data-test=modal-close]").focus();
      return;
    }
    el.focus({ preventScroll: true });
    if (el.tagName === "TEXTAREA" || (el.tagName === "INPUT" && el.getAttribute("role") !== "combobox")) el.setSelectionRange(from, to);
  }

  top(view) {
    const close = h("button", { type: "button", class: "bare", "aria-label": "Close", test: "modal-x", on: { click: () => this.close() } }, icon("close"));
    return h("header", { class: "modal-top" }, h("img", { src: "favicon.svg", alt: "", width: "28", height: "28" }), h("h2", { id: "modal-title" }, titleOf(view.title, "")), close);
  }

  body(view) {
    const alarm = this.alarm ? h("p", { class: "alarm", role: "alert" }, icon("alert"), this.alarm) : null;
    return h("div", { class: "modal-body" }, alarm, drawBlocks(view.blocks, this.context(view)));
  }

  bottom(view) {
    const submit = titleOf(view.submit, "");
    return h(
      "footer",
      { class: "modal-foot" },
      h("button", { type: "button", class: "button", test: "modal-close", on: { click: () => this.close() } }, titleOf(view.close, submit ? "Cancel" : "Close")),
      submit ? h("button", { type: "submit", class: "button primary", test: "modal-submit" }, h("span", {}, submit)) : null,
    );
  }

  context(view) {
    const { errors } = view;
    return {
      names: this.o.names(),
      click: async (label, nth, element) => {
        if (element.confirm && !(await confirmed(element.confirm))) return;
        await this.tell({ click: label, view: view.id, ...(nth > 1 ? { nth } : {}) });
      },
      form: {
        wiring: (block) => ({ id: `field-${block.block_id}`, describedby: `about-${block.block_id}`, invalid: Boolean(this.errors[block.block_id] || errors?.[block.block_id]) }),
        error: (block) => this.errors[block.block_id] || errors?.[block.block_id],
        value: (block, element) => this.valueOf(block, element),
        type: (block, element, text) => this.drafts.set(this.key(block, element), { text }),
        choose: (block, element, name, option) => this.choose(block, element, name, option),
        suggest: (name, typed) => this.suggest(name, typed),
      },
    };
  }

  key(block, element) {
    return `${this.view.id}/${block.block_id}/${element.action_id}`;
  }

  stored(block, element) {
    const state = this.view.state?.values || this.view.state || {};
    return state[block.block_id]?.[element.action_id];
  }

  // valueOf is what a field holds: the text, or the option or null.
  valueOf(block, element) {
    const draft = this.drafts.get(this.key(block, element));
    const stored = this.stored(block, element);
    if (element.type.endsWith("_input")) return draft?.text ?? stored?.value ?? element.initial_value ?? "";
    if (element.type === "users_select") return draft?.option ?? this.o.names().people.find((p) => p.value === (stored?.selected_user ?? element.initial_user)) ?? null;
    return draft?.option ?? stored?.selected_option ?? element.initial_option ?? null;
  }

  async choose(block, element, name, option) {
    this.drafts.set(this.key(block, element), { option });
    if (element.type === "users_select") return; // it is sent with the form
    await this.tell({ choose: option.value, into: name, view: this.view.id });
  }

  async suggest(name, typed) {
    const { groups, shown } = await suggest({ as: this.o.me(), type: typed, into: name, view: this.view.id });
    if (shown) throw new Error(shown);
    return groups;
  }

  // tell does something in the view, and then reads the state.
  async tell(what) {
    try {
      const answer = await act({ as: this.o.me(), ...what });
      this.alarm = answer.shown || "";
      await this.o.refresh();
      this.redraw();
      return answer;
    } catch (err) {
      this.o.fail(err.message);
      return null;
    }
  }

  // redraw draws the view if its content has changed. What was typed does not
  // count, because the inputs show it already.
  redraw() {
    const { view, errors, alarm } = this;
    if (view) this.draw({ view: { ...view, hash: "", state: null }, errors, alarm, me: this.o.me() });
  }

  fields() {
    return this.view.blocks.filter((b) => b.type === "input" && b.element).map((block) => ({ block, element: block.element, value: this.valueOf(block, block.element) }));
  }

  async submit() {
    this.errors = missing(this.fields());
    if (Object.keys(this.errors).length) return this.redrawAtError();
    this.busy(true);
    const answer = await this.tell({ submit: this.view.id, values: this.values() });
    this.busy(false);
    if (answer && Object.keys(this.view?.errors || {}).length) {
      this.alarm = "";
      this.redrawAtError();
    }
    return undefined;
  }

  redrawAtError() {
    this.redraw();
    this.dialog.querySelector("[aria-invalid=true]")?.focus();
  }

  busy(is) {
    const button = this.dialog.querySelector("[data-test=modal-submit]");
    if (!button) return;
    button.disabled = is;
    button.classList.toggle("busy", is);
  }

  // values are what the sandbox does not know yet: typed texts, and options that
  // it has not recorded.
  values() {
    const values = {};
    for (const { block, element, value } of this.fields()) {
      const name = nameOf(block, element);
      const stored = this.stored(block, element);
      if (typeof value === "string" && (value || stored?.value)) values[name] = value;
      else if (element.type === "users_select") values[name] = value?.value ?? null;
      else if (value?.text && stored?.selected_option?.value !== value.value) values[name] = value.text.text;
    }
    return values;
  }

  async close() {
    const { view } = this;
    if (!view) return;
    this.closed.add(view.id);
    this.dialog.close();
    await this.tell({ close: view.id });
  }
}

// keepInside keeps Tab within a dialog. The browser alone would also go to its
// address bar.
function keepInside(dialog, e) {
  if (e.key !== "Tab") return;
  const stops = [...dialog.querySelectorAll("button, input, textarea, a[href], pre[tabindex]")].filter((el) => !el.disabled && el.offsetParent);
  const end = e.shiftKey ? stops[0] : stops.at(-1);
  if (document.activeElement !== end) return;
  e.preventDefault();
  (e.shiftKey ? stops.at(-1) : stops[0]).focus();
}

// missing finds the fields for which Slack's client would not send the form.
function missing(fields) {
  const errors = {};
  for (const { block, element, value } of fields) {
    const length = typeof value === "string" ? [...value].length : 0;
    if (!block.optional && (value === null || value === "")) errors[block.block_id] = "Please complete this required field.";
    else if (element.max_length && length > element.max_length) errors[block.block_id] = `This is ${length} characters long; ${element.max_length} fit.`;
    else if (element.min_length && length && length < element.min_length) errors[block.block_id] = `Please write at least ${element.min_length} characters.`;
  }
  return errors;
}

// ask shows a question over the page. The promise tells whether the answer was
// yes. o: {title, words (nodes), yes, no, danger}.
export function ask(o) {
  return new Promise((resolve) => {
    const yes = h("button", { type: "submit", class: `button ${o.danger ? "danger" : "primary"}`, value: "yes", test: "confirm-yes" }, o.yes);
    const no = h("button", { type: "submit", class: "button", value: "no", test: "confirm-no" }, o.no || "Cancel");
    const form = h("form", { method: "dialog" }, h("div", { class: "modal-top" }, h("h2", { id: "ask-title" }, o.title)), h("div", { class: "modal-body" }, o.words), h("footer", { class: "modal-foot" }, no, yes));
    const dialog = h("dialog", { class: "modal ask", test: "confirm", "aria-labelledby": "ask-title" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.addEventListener("keydown", (e) => keepInside(dialog, e));
    document.body.append(dialog);
    dialog.showModal();
    (o.danger ? no : yes).focus();
  });
}

// confirmed asks the question of a button's confirm object.
export function confirmed(c) {
  return ask({
    title: plain(c.title?.text) || "Are you sure?",
    words: h("p", {}, plain(c.text?.text)),
    yes: plain(c.confirm?.text) || "Yes",
    no: plain(c.deny?.text),
    danger: c.style === "danger",
  });
}
