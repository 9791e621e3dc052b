// Draws Block Kit: the blocks of messages and forms.
import { anchor, h, webLink } from "./dom.js";
import { among, combobox } from "./combobox.js";
import { fence, inlineMrkdwn, mrkdwn, plain } from "./mrkdwn.js";
import { emoji } from "./emoji.js";

// A context says what the blocks belong to and what using them does:
//   names                       turns ids into names
//   click(label, nth, element)  a button; nth counts equal labels from 1
//   form                        in a form only: value(block, element), type, choose, suggest, error(block)

// drawBlocks draws a list of blocks.
export function drawBlocks(blocks, context) {
  const seen = new Map();
  const inside = { ...context, nth: (label) => seen.set(label, (seen.get(label) || 0) + 1).get(label) };
  return (Array.isArray(blocks) ? blocks : []).map((block) => drawBlock(block, inside));
}

function drawBlock(block, context) {
  const draw = Object.hasOwn(drawers, block?.type) ? drawers[block.type] : unknown;
  return draw(block, context);
}

const unknown = (block) => h("p", { class: "unknown" }, `[${String(block?.type)}: not drawn in the sandbox]`);

const drawers = {
  header: (b) => h("h3", { class: "b-header" }, plain(b.text?.text)),
  divider: () => h("hr", { class: "b-divider" }),
  section: drawSection,
  context: (b, c) => h("div", { class: "b-context" }, (b.elements || []).map((e) => contextPiece(e, c))),
  actions: (b, c) => h("div", { class: "b-actions" }, (b.elements || []).map((e) => drawElement(b, e, c))),
  input: drawInput,
  image: (b) => h("p", { class: "b-image" }, `🖼 ${b.alt_text || ""}`),
  rich_text: (b, c) => h("div", { class: "b-rich" }, (b.elements || []).map((e) => drawRich(e, c))),
  markdown: (b, c) => mrkdwn(b.text, c.names),
};

// drawText draws a text object.
function drawText(text, context) {
  if (!text) return null;
  if (text.type === "plain_text") return h("div", { class: "text" }, plain(text.text, text.emoji !== false));
  return mrkdwn(text.text, context.names, { verbatim: text.verbatim });
}

function drawSection(block, context) {
  return h(
    "div",
    { class: "b-section" },
    h(
      "div",
      { class: "b-words" },
      drawText(block.text, context),
      block.fields ? h("div", { class: "b-fields" }, block.fields.map((f) => h("div", {}, drawText(f, context)))) : null,
    ),
    block.accessory ? h("div", { class: "b-accessory" }, drawElement(block, block.accessory, context)) : null,
  );
}

function contextPiece(element, context) {
  if (element.type === "image") return h("span", {}, `🖼 ${element.alt_text || ""}`);
  if (element.type === "plain_text") return h("span", { class: "text" }, plain(element.text, element.emoji !== false));
  return inlineMrkdwn(element.text, context.names);
}

const elements = {
  button: drawButton,
  static_select: drawSelect,
  external_select: drawSelect,
  users_select: drawSelect,
  plain_text_input: drawTyped,
  email_text_input: drawTyped,
  url_text_input: drawTyped,
  number_input: drawTyped,
  radio_buttons: drawRadio,
  image: (b, e) => h("span", {}, `🖼 ${e.alt_text || ""}`),
};

function drawElement(block, element, context) {
  const draw = Object.hasOwn(elements, element?.type) ? elements[element.type] : unknown;
  return draw(block, element, context);
}

function drawButton(block, element, context) {
  const label = element.text?.text || "";
  const nth = context.nth(label);
  const style = ["primary", "danger"].includes(element.style) ? element.style : "";
  const common = { class: `button ${style}`, test: `button-${label}`, "aria-label": element.accessibility_label };
  if (webLink(element.url)) return linkButton(element, label, nth, common, context);
  const button = h("button", { type: "button", ...common }, h("span", {}, plain(label)));
  button.addEventListener("click", () => pressed(button, () => context.click(label, nth, element)));
  return button;
}

// A button with an address opens it, and the app is told as well.
function linkButton(element, label, nth, common, context) {
  const link = anchor(element.url, plain(label), common);
  link.addEventListener("click", () => context.click(label, nth, element));
  return link;
}

// pressed keeps a button from being clicked again while its action runs.
async function pressed(button, work) {
  button.disabled = true;
  button.classList.add("busy");
  try {
    await work();
  } finally {
    button.disabled = false;
    button.classList.remove("busy");
  }
}

// nameOf is the label by which the controls name an input.
export const nameOf = (block, element) => block.label?.text || element.placeholder?.text || element.action_id || "";

function drawSelect(block, element, context) {
  const { form } = context;
  if (!form) return h("span", { class: "unknown" }, plain(element.placeholder?.text || "Choose"));
  const name = nameOf(block, element);
  const external = element.type === "external_select";
  return combobox({
    ...form.wiring(block, element),
    name,
    label: plain(name),
    placeholder: plain(element.placeholder?.text || "Choose an option"),
    chosen: form.value(block, element),
    least: external ? element.min_query_length ?? 3 : 0,
    load: external ? (typed) => form.suggest(name, typed) : among(element.type === "users_select" ? { options: context.names.people } : element),
    choose: (option) => form.choose(block, element, name, option),
  });
}

function drawTyped(block, element, context) {
  const { form } = context;
  if (!form) return null;
  const name = nameOf(block, element);
  const { id, describedby, invalid } = form.wiring(block, element);
  const input = h(element.multiline ? "textarea" : "input", {
    id,
    "aria-describedby": describedby,
    test: `input-${name}`,
    type: element.multiline ? null : "text",
    inputmode: element.type === "number_input" ? "numeric" : null,
    rows: element.multiline ? "3" : null,
    autocomplete: "off",
    placeholder: plain(element.placeholder?.text || ""),
    "aria-invalid": invalid ? "true" : null,
    value: form.value(block, element),
  });
  input.addEventListener("input", () => form.type(block, element, input.value));
  return input;
}

function drawRadio(block, element, context) {
  const { form } = context;
  const name = nameOf(block, element);
  const chosen = form?.value(block, element)?.value;
  const group = `radio-${block.block_id}-${element.action_id}`;
  return h(
    "div",
    { class: "radios", role: "radiogroup", "aria-label": plain(name), test: `input-${name}` },
    (element.options || []).map((option) => {
      const input = h("input", { type: "radio", name: group, test: `option-${option.text?.text}`, checked: option.value === chosen, disabled: !form });
      input.addEventListener("change", () => form.choose(block, element, name, option));
      return h("label", {}, input, h("span", {}, plain(option.text?.text), option.description ? h("small", {}, plain(option.description.text)) : null));
    }),
  );
}

function drawInput(block, context) {
  const { form } = context;
  const element = block.element || {};
  if (!form) return unknown(block);
  const { id, describedby } = form.wiring(block, element);
  const error = form.error(block);
  const about = [
    error ? h("p", { class: "field-error", role: "alert" }, error) : null,
    block.hint ? h("p", { class: "field-hint" }, plain(block.hint.text)) : null,
  ];
  return h(
    "div",
    { class: error ? "b-input wrong" : "b-input" },
    h("label", { for: id }, plain(block.label?.text), block.optional ? h("span", { class: "optional" }, " (optional)") : null),
    drawElement(block, element, context),
    h("div", { id: describedby }, about),
  );
}

// Rich text: what Slack's own composer writes.
function drawRich(element, context) {
  const pieces = (element.elements || []).map((e) => (element.type === "rich_text_list" ? h("li", {}, drawRich(e, context)) : richPiece(e, context)));
  switch (element.type) {
    case "rich_text_quote":
      return h("blockquote", {}, pieces);
    case "rich_text_preformatted":
      return fence((element.elements || []).map((e) => e.text || e.url || "").join("").replace(/&/g, "&amp;"));
    case "rich_text_list":
      return h(element.style === "ordered" ? "ol" : "ul", {}, pieces);
    default:
      return h("div", { class: "text" }, pieces);
  }
}

const styles = { bold: "strong", italic: "em", strike: "s", code: "code" };

function richPiece(piece, context) {
  const node = richNode(piece, context);
  return Object.keys(styles).reduce((inner, style) => (piece.style?.[style] ? h(styles[style], {}, inner) : inner), node);
}

function richNode(piece, { names }) {
  switch (piece.type) {
    case "link":
      return anchor(piece.url, piece.text || piece.url);
    case "user":
      return h("span", { class: "mention" }, `@${names.user(piece.user_id)}`);
    case "channel":
      return h("span", { class: "mention" }, `#${names.channel(piece.channel_id)}`);
    case "usergroup":
      return h("span", { class: "mention" }, `@${names.group(piece.usergroup_id)}`);
    case "broadcast":
      return h("span", { class: "mention mine" }, `@${piece.range}`);
    case "emoji":
      return Object.hasOwn(emoji, piece.name) ? emoji[piece.name] : `:${piece.name}:`;
    default:
      return String(piece.text ?? "");
  }
}
