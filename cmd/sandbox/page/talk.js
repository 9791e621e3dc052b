// The middle of the page: the head of the conversation, its messages, and the
// composer.
import { drawBlocks } from "./blocks.js";
import { h, icon, memo, settle } from "./dom.js";
import { mrkdwn, plain } from "./mrkdwn.js";
import { clock, dayName, fullTime, instant, isSameDay, iso, shortTime } from "./time.js";
import { app, dm, initials, keyOf, tone } from "./world.js";

const together = 5 * 60 * 1000; // messages within this time share a head, as in Slack

// face draws an avatar: the app's sign, or initials on a colour.
export function face(user, name, size = "") {
  if (!user) return h("span", { class: `face sign ${size}` }, h("img", { src: "favicon.svg", alt: "" }));
  return h("span", { class: `face tone-${tone(user)} ${size}`, "aria-hidden": "true" }, initials(name));
}

// Talk draws the messages of one conversation.
export class Talk {
  // o: {names(), click(message, label, nth, element), list, scroll}
  constructor(o) {
    this.o = o;
    this.drawn = new Map(); // key -> {sign, node}
    this.where = "";
    this.low = true; // scrolled to the end: new messages keep it there
    o.scroll.addEventListener("scroll", () => (this.low = isLow(o.scroll)), { passive: true });
    new ResizeObserver(() => this.low && o.scroll.scrollTo(0, o.scroll.scrollHeight)).observe(o.scroll);
  }

  // show draws messages (oldest first); newFrom is the key of the first one
  // that was not read when the place was entered.
  show(where, messages, newFrom, start) {
    const { scroll, list } = this.o;
    const moved = where !== this.where;
    const { low } = this;
    if (moved) this.drawn.clear();
    this.where = where;
    const focused = list.contains(document.activeElement) ? document.activeElement.closest(".msg")?.dataset.key : null;
    settle(list, [this.keep("start", start.sign, start.draw), ...this.nodes(messages, newFrom)]);
    if (focused && !list.contains(document.activeElement)) this.drawn.get(focused)?.node.focus({ preventScroll: true });
    if (moved || low) scroll.scrollTop = scroll.scrollHeight;
  }

  // keep returns the node for a key. It is drawn again only if its sign has changed.
  keep(key, sign, draw) {
    const was = this.drawn.get(key);
    if (was && was.sign === sign) return was.node;
    const node = draw();
    if (was) node.classList.add("changed");
    this.drawn.set(key, { sign, node });
    return node;
  }

  nodes(messages, newFrom) {
    const parents = new Set(messages.map((m) => m.ts));
    const isReply = (m) => m.thread_ts && m.thread_ts !== m.ts && parents.has(m.thread_ts);
    const replies = Map.groupBy(messages.filter(isReply), (m) => m.thread_ts);
    const nodes = [];
    let last = null;
    for (const m of messages.filter((one) => !isReply(one))) {
      const t = instant(m.ts);
      const fresh = keyOf(m) === newFrom;
      if (!last || !isSameDay(instant(last.ts), t)) {
        nodes.push(this.day(t));
        last = null;
      }
      if (fresh) nodes.push(this.keep("new", "new", () => h("div", { class: "divide new", role: "separator" }, h("span", {}, "New"))));
      nodes.push(this.message(m, replies.get(m.ts) || [], !fresh && follows(last, m)));
      last = m;
    }
    return nodes;
  }

  day(t) {
    const words = dayName(t, clock.now);
    return this.keep(`day ${new Date(t).toDateString()}`, words, () => h("div", { class: "divide", role: "separator" }, h("span", {}, words)));
  }

  message(m, replies, joined) {
    const names = this.o.names();
    return this.keep(keyOf(m), JSON.stringify([m, replies, joined, names.me]), () => this.draw(m, replies, joined));
  }

  draw(m, replies, joined) {
    const names = this.o.names();
    const by = m.by ? names.user(m.by) : m.author || app;
    const t = instant(m.ts);
    return h(
      "article",
      { class: `msg${joined ? " joined" : ""}${m.to ? " private" : ""}`, test: "message", tabindex: "-1", "aria-label": `${by}, ${shortTime(t)}`, data: { key: keyOf(m), ts: m.ts, channel: m.channel } },
      m.to ? h("div", { class: "only" }, icon("eye"), "Only visible to you") : null,
      h("div", { class: "gutter" }, joined ? time(t) : face(m.by, by)),
      h("div", { class: "said" }, joined ? null : this.head(by, m, t), this.content(m), replies.length ? this.thread(replies) : null),
    );
  }

  head(by, m, t) {
    return h("div", { class: "by" }, h("b", {}, by), m.by ? null : h("span", { class: "app-tag" }, "APP"), time(t));
  }

  content(m) {
    const names = this.o.names();
    const context = { names, click: (label, nth, element) => this.o.click(m, label, nth, element) };
    const edited = m.edited ? h("span", { class: "edited" }, "(edited)") : null;
    const blocks = Array.isArray(m.blocks) && m.blocks.length ? drawBlocks(m.blocks, context) : [mrkdwn(m.text, names)];
    return h("div", { class: "content" }, blocks, edited);
  }

  thread(replies) {
    const words = replies.length === 1 ? "1 reply" : `${replies.length} replies`;
    return h("div", { class: "thread", role: "group", "aria-label": words }, h("div", { class: "thread-count" }, words), replies.map((m, i) => this.draw(m, [], i > 0 && follows(replies[i - 1], m))));
  }
}

const isLow = (scroll) => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;

const time = (t) => h("time", { datetime: iso(t), title: fullTime(t) }, shortTime(t));

// follows reports whether a message needs no head of its own.
function follows(last, m) {
  return Boolean(last && (last.by || last.author || "") === (m.by || m.author || "") && !last.to && !m.to && !startsCard(m) && instant(m.ts) - instant(last.ts) < together);
}

const startsCard = (m) => Array.isArray(m.blocks) && m.blocks.length > 0;

// drawHead draws the name of the channel or person at the top.
export const drawHead = memo(({ place, channel, name }) => {
  const head = document.getElementById("head");
  if (place === dm) head.replaceChildren(face("", app, "small"), h("h1", {}, app), h("span", { class: "topic" }, `Only ${name} sees these messages`));
  else head.replaceChildren(h("h1", {}, `# ${channel.name}`), h("span", { class: "topic" }, plain(channel.topic || "")));
});

// beginning is the node over the first message.
export function beginning(place, channel, put) {
  const quiet = place === dm || ["C0APPROVALS", "C0OPS"].includes(channel.id); // nobody asks there
  const [title, words] =
    place === dm
      ? [app, "Only you and the app write here. When a request is granted, the buttons that open the console or hand out keys arrive here."]
      : [`#${channel.name}`, { C0APPROVALS: "Cards arrive here when somebody asks for access. The people whom the policy names can decide.", C0OPS: "Messages for the owners of AWS Access arrive here." }[channel.id] || "A channel like any other. Type /aws-access below to ask for access to an AWS account."];
  return { sign: `${place}/${title}`, draw: () => h("div", { class: "start" }, place === dm ? face("", app, "large") : h("span", { class: "hash" }, "#"), h("h2", {}, title), h("p", {}, words), quiet ? null : h("div", { class: "tries" }, offers.map((o) => tryOut(o, put)))) };
}

const tryOut = (offer, put) => h("button", { type: "button", class: "try", on: { click: () => put(offer.line) } }, h("code", {}, offer.line), h("span", {}, offer.words));

const offers = [
  { line: "/aws-access", words: "Ask for access with a form" },
  { line: "/aws-access list", words: "Your requests and grants" },
  { line: "/aws-access help", words: "What you can type" },
];
const shape = ["ACCOUNT", "ROLE", "TIME", "“REASON”", "[ticket=INC-42]"];

// Composer is the box to type in.
export class Composer {
  // o: {send(text) (a promise)}
  constructor(foot, o) {
    this.o = o;
    this.history = [];
    this.at = -1;
    this.box = h("textarea", { id: "composer", test: "composer", rows: "1", "aria-label": "Message", "aria-describedby": "composer-hint", "aria-controls": "offers", autocomplete: "off", spellcheck: "false" });
    this.button = h("button", { type: "submit", class: "send", test: "send", "aria-label": "Send", title: "Send (Enter)" }, icon("send"));
    this.offers = h("div", { class: "offers", id: "offers", role: "listbox", "aria-label": "Commands", hidden: true });
    this.hint = h("div", { class: "hint", id: "composer-hint" });
    const form = h("form", { class: "composer" }, this.offers, h("div", { class: "composer-box" }, this.box, this.button), this.hint);
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      this.send();
    });
    this.box.addEventListener("input", () => this.changed());
    this.box.addEventListener("keydown", (e) => this.key(e));
    this.box.addEventListener("blur", () => this.fold());
    this.offers.addEventListener("mousedown", (e) => e.preventDefault());
    foot.append(form);
    this.changed();
  }

  // speakTo shows in the placeholder where the line is sent.
  speakTo(place) {
    this.box.placeholder = place;
  }

  // put writes a line into the box, ready to be sent.
  put(line) {
    this.box.value = line;
    this.changed();
    this.fold();
    this.box.focus();
  }

  changed() {
    const { value } = this.box;
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, 140)}px`;
    this.button.disabled = !value.trim();
    this.found = value.startsWith("/") && !value.includes("\n") ? offers.filter((o) => o.line.startsWith(value.trimEnd()) && value.length <= o.line.length) : [];
    this.drawOffers();
    this.drawHint(value);
  }

  drawOffers() {
    this.mark = 0;
    this.offers.hidden = !this.found.length;
    this.offers.replaceChildren(
      h("div", { class: "offers-title", role: "presentation" }, "Commands of AWS Access"),
      ...this.found.map((o, i) =>
        h("div", { class: "offer", role: "option", id: `offer-${i}`, test: `offer-${o.line}`, on: { click: () => this.put(o.line) } }, face("", app, "small"), h("b", {}, o.line), h("span", {}, o.words)),
      ),
    );
    this.point(0);
  }

  point(i) {
    const rows = [...this.offers.querySelectorAll(".offer")];
    if (!rows.length) {
      this.box.removeAttribute("aria-activedescendant");
      return;
    }
    this.mark = (i + rows.length) % rows.length;
    rows.forEach((row, n) => row.setAttribute("aria-selected", String(n === this.mark)));
    this.box.setAttribute("aria-activedescendant", rows[this.mark].id);
  }

  fold() {
    this.found = [];
    this.offers.hidden = true;
  }

  // drawHint shows the one-line form, with the word that comes next marked.
  drawHint(value) {
    if (!/^\/aws-access(\s|$)/.test(value) || /^\/aws-access\s+(help|list)\s*$/.test(value)) {
      this.hint.replaceChildren(h("kbd", {}, "/aws-access"), " asks for access. ", h("kbd", {}, "Enter"), " sends.");
      return;
    }
    const typed = value.slice("/aws-access".length);
    const words = typed.match(/[“"][^”"]*[”"]?|\S+/g) || [];
    const next = Math.max(0, words.length - (/\s$/.test(typed) || !words.length ? 0 : 1));
    this.hint.replaceChildren(h("kbd", {}, "/aws-access"), ...shape.map((word, i) => h("span", { class: i === next ? "part next" : "part" }, word)), h("span", { class: "or" }, "or nothing, for the form"));
  }

  key(e) {
    const open = !this.offers.hidden;
    if (open && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
      e.preventDefault();
      this.point(this.mark + (e.key === "ArrowDown" ? 1 : -1));
    } else if (open && e.key === "Tab" && !e.shiftKey) {
      e.preventDefault();
      this.put(this.found[this.mark].line);
    } else if (open && e.key === "Escape") this.fold();
    else if (e.key === "Enter" && !e.shiftKey && !e.isComposing) this.entered(e, open);
    else if (e.key === "ArrowUp" && !this.box.value) this.recall(e);
  }

  // Enter completes a command that is typed in part, and sends a complete one.
  entered(e, open) {
    e.preventDefault();
    const whole = offers.some((o) => o.line === this.box.value.trim()) && this.mark === 0;
    if (open && !whole) this.put(this.found[this.mark].line);
    else this.send();
  }

  recall(e) {
    if (!this.history.length) return;
    e.preventDefault();
    this.put(this.history.at(-1));
  }

  async send() {
    const text = this.box.value;
    if (!text.trim()) return;
    this.history.push(text);
    this.box.value = "";
    this.changed();
    this.box.readOnly = true;
    this.button.classList.add("busy");
    await this.o.send(text);
    this.box.readOnly = false;
    this.button.classList.remove("busy");
  }
}
