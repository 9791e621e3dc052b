// Draws Slack's markup. A text is cut into code fences and lines, lines into
// quotes and inline pieces; each piece becomes a node made of text.
import { anchor, copy, h, icon } from "./dom.js";
import { emoji } from "./emoji.js";
import { clock, iso, slackDate } from "./time.js";

const longestMark = 3000; // characters between a mark and the one that ends it; Slack's texts are no longer
const shownLink = 90; // characters of an address that is its own label
const longCode = { lines: 12, characters: 700 }; // longer fences are folded
const longText = 1200; // characters; longer texts are folded

// names turns ids into names: {user(id), channel(id), group(id), me, go(channel)}.

// mrkdwn draws a text of type mrkdwn, or a message's text. It draws what Slack
// would: a fence stands only where the text has one, and one that was cut into
// two messages is in neither.
export function mrkdwn(text, names, options = {}) {
  const parts = String(text ?? "").split("```");
  if (parts.length % 2 === 0) parts.push(`${parts.splice(-2, 1)[0]}\`\`\`${parts.pop()}`);
  const nodes = parts.flatMap((part, i) => (i % 2 ? [fence(part)] : lines(trimAround(part, i, parts.length), names, options)));
  return fold(h("div", { class: "text" }, nodes), String(text ?? "").replace(/```[^]*?```|<[^<>]*>/g, "").length);
}

// inlineMrkdwn draws a text without blocks around it, for a context line.
export const inlineMrkdwn = (text, names) => h("span", { class: "text" }, inline(String(text ?? ""), names, "", {}));

// plain draws a text of type plain_text: emoji, and nothing else.
export const plain = (text, withEmoji = true) => (withEmoji ? emojis(decode(String(text ?? ""))) : decode(String(text ?? "")));

// decode undoes Slack's escaping of three characters, once.
export const decode = (text) => text.replace(/&(lt|gt|amp);/g, (_, name) => ({ lt: "<", gt: ">", amp: "&" })[name]);

const emojis = (text) => text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => (Object.hasOwn(emoji, name) ? emoji[name] : whole));

// trimAround drops the newline between text and a fence.
function trimAround(part, i, count) {
  const from = i > 0 && part.startsWith("\n") ? 1 : 0;
  const to = i < count - 1 && part.length > from && part.endsWith("\n") ? part.length - 1 : part.length;
  return part.slice(from, to);
}

function lines(text, names, options) {
  if (text === "") return [];
  const nodes = [];
  let quoted = [];
  let spoken = [];
  const speak = () => {
    if (spoken.length) nodes.push(h("div", { class: "para" }, inline(spoken.join("\n"), names, "", options)));
    spoken = [];
  };
  const quote = () => {
    if (quoted.length) nodes.push(h("blockquote", {}, inline(quoted.join("\n"), names, "", options)));
    quoted = [];
  };
  let rest = false; // >>> quotes all that follows
  for (const line of text.split("\n")) {
    const mark = /^(?:>|&gt;)(?:(?:>|&gt;){2})?[ ]?/.exec(line);
    rest = rest || Boolean(mark && mark[0].replace(/&gt;/g, ">").startsWith(">>>"));
    if (mark || rest) {
      speak();
      quoted.push(mark ? line.slice(mark[0].length) : line);
    } else {
      quote();
      spoken.push(line);
    }
  }
  speak();
  quote();
  return nodes;
}

const wraps = { "*": "strong", _: "em", "~": "s" };

// inline draws the pieces of a line. on holds the marks that are open.
function inline(text, names, on, options) {
  const nodes = [];
  let run = "";
  const flush = () => {
    if (run) nodes.push(...words(run, options));
    run = "";
  };
  for (let i = 0; i < text.length; ) {
    const piece = angle(text, i, names) || code(text, i) || emphasis(text, i, names, on, options);
    if (piece) {
      flush();
      nodes.push(piece.node);
      i = piece.end;
    } else {
      run += text[i];
      i += 1;
    }
  }
  flush();
  return nodes;
}

function words(run, options) {
  if (options.verbatim) return [emojis(decode(run))];
  return run.split(/(https?:\/\/[^\s<>|`]*[^\s<>|`.,;:!?)'"\]*_~])/).map((part, i) => {
    const text = decode(part);
    return i % 2 ? anchor(text, shorten(text)) : emojis(text);
  });
}

const shorten = (text) => (text.length > shownLink ? `${text.slice(0, shownLink)}…` : text);

function code(text, i) {
  if (text[i] !== "`") return null;
  const end = text.indexOf("`", i + 1);
  const inside = end > 0 ? text.slice(i + 1, end) : "";
  if (!inside.trim() || inside.includes("\n")) return null;
  return { node: h("code", {}, decode(inside)), end: end + 1 };
}

const wordly = (c) => c !== undefined && /[\p{L}\p{N}]/u.test(c);
const blank = (c) => c === undefined || /\s/.test(c);

function emphasis(text, i, names, on, options) {
  const mark = text[i];
  if (!wraps[mark] || on.includes(mark) || wordly(text[i - 1]) || blank(text[i + 1]) || text[i + 1] === mark) return null;
  const end = closing(text, i + 1, mark);
  if (end < 0) return null;
  return { node: h(wraps[mark], {}, inline(text.slice(i + 1, end), names, on + mark, options)), end: end + 1 };
}

// closing finds the mark that ends an emphasis on the same line, past links
// and code; -1 if there is none.
function closing(text, from, mark) {
  const end = Math.min(text.length, from + longestMark);
  for (let i = from; i < end && text[i] !== "\n"; i += 1) {
    const skip = text[i] === "<" ? text.indexOf(">", i) : text[i] === "`" ? text.indexOf("`", i + 1) : -1;
    if (skip > 0) i = skip;
    else if (text[i] === mark && !blank(text[i - 1]) && !wordly(text[i + 1])) return i;
  }
  return -1;
}

// angle draws the content of < and >: a link, a mention, a date.
function angle(text, i, names) {
  if (text[i] !== "<") return null;
  const end = text.indexOf(">", i);
  const inside = end > 0 ? text.slice(i + 1, end) : "";
  if (!inside || inside.includes("<") || inside.includes("\n")) return null;
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? "" : inside.slice(bar + 1);
  return { node: pointed(target, label, names), end: end + 1 };
}

function pointed(target, label, names) {
  const rest = target.slice(1);
  if (target[0] === "@") return mention(`@${names.user(rest)}`, rest === names.me);
  if (target[0] === "#") return channel(rest, names);
  if (target[0] === "!") return special(rest, label, names);
  const address = decode(target);
  return anchor(address, label ? emojis(decode(label)) : shorten(address));
}

const mention = (text, mine) => h("span", { class: mine ? "mention mine" : "mention" }, text);

const channel = (id, names) =>
  h("button", { type: "button", class: "mention", on: { click: () => names.go(id) } }, `#${names.channel(id)}`);

function special(rest, label, names) {
  const [kind, value, format, link] = rest.split("^");
  if (["here", "channel", "everyone"].includes(kind)) return mention(`@${kind}`, true);
  if (kind === "subteam") return mention(`@${names.group(value)}`, false);
  if (kind === "date") return date(value, format, link, label);
  return mention(decode(label || `<!${rest}>`), false);
}

function date(value, format, link, label) {
  const t = Number(value) * 1000;
  if (!format || !Number.isFinite(t) || Math.abs(t) > 8e15) return h("span", {}, decode(label));
  const time = h("time", { datetime: iso(t), title: new Date(t).toString() }, slackDate(t, decode(format), clock.now));
  return link ? anchor(decode(link), time) : time;
}

// fence draws a block of code with a button that copies it.
export function fence(text) {
  const raw = decode(text).replace(/^\n/, "").replace(/\n$/, "");
  const pre = h("pre", { tabindex: "0" }, raw);
  const box = h("div", { class: "fence" }, pre);
  const button = h("button", { type: "button", class: "snip", test: "copy" }, icon("copy"), "Copy");
  button.addEventListener("click", async () => {
    const done = await copy(raw);
    button.replaceChildren(icon(done ? "check" : "copy"), done ? "Copied" : "Select and copy");
    if (!done) getSelection().selectAllChildren(pre);
    button.dispatchEvent(new CustomEvent("copied", { bubbles: true }));
  });
  box.append(h("div", { class: "fence-tools" }, folds(box, raw) && foldButton(box, "Show all"), button));
  return box;
}

function folds(box, raw) {
  const long = raw.length > longCode.characters || raw.split("\n").length > longCode.lines;
  box.classList.toggle("folded", long);
  return long;
}

function fold(node, length) {
  if (length <= longText) return node;
  node.classList.add("folded");
  return h("div", {}, node, foldButton(node, "Show more"));
}

function foldButton(box, words) {
  const button = h("button", { type: "button", class: "snip", "aria-expanded": "false" }, words);
  button.addEventListener("click", () => {
    const folded = box.classList.toggle("folded");
    button.textContent = folded ? words : "Show less";
    button.setAttribute("aria-expanded", String(!folded));
  });
  return button;
}
