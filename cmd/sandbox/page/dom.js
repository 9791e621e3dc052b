// The only place that builds nodes. Everything from outside becomes a text node or
// the value of an attribute that this code names; nothing is ever parsed as HTML.

// h builds an element: h("p", {class: "x", test: "y", on: {click: f}}, "text", node).
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) put(el, name, value);
  el.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

function put(el, name, value) {
  if (value === null || value === undefined || value === false) return;
  switch (name) {
    case "on":
      for (const [event, f] of Object.entries(value)) el.addEventListener(event, f);
      return;
    case "data":
      Object.assign(el.dataset, value);
      return;
    case "test":
      el.dataset.test = value;
      return;
    case "value":
      el.value = value;
      return;
    default:
      el.setAttribute(name, value === true ? "" : value);
  }
}

const drawings = {
  eye: ["M1.5 8s2.5-4.5 6.5-4.5S14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z", "M8 10a2 2 0 100-4 2 2 0 000 4z"],
  send: ["M2.5 3l11 5-11 5 1.8-5z", "M4.3 8h5"],
  check: ["M3 8.5l3.2 3.2L13 4.8"],
  close: ["M4 4l8 8M12 4l-8 8"],
  down: ["M4 6.5l4 4 4-4"],
  alert: ["M8 2l6.5 11.5h-13z", "M8 6.5v3.2M8 11.6v.1"],
  copy: ["M5.5 5.5h8v8h-8z", "M10.5 5.5v-3h-8v8h3"],
  sun: ["M8 11a3 3 0 100-6 3 3 0 000 6z", "M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1"],
  panel: ["M2 3h12v10H2z", "M10 3v10"],
  reset: ["M3 8a5 5 0 101.6-3.7L3 5.8", "M3 2.5v3.3h3.3"],
  play: ["M5 3.5l7.5 4.5L5 12.5z"],
  pause: ["M5.5 3.5v9M10.5 3.5v9"],
  flag: ["M4 14V2.5h8.5l-2 3 2 3H4"],
  key: ["M6 11a3 3 0 100-6 3 3 0 000 6z", "M9 8h5.5M12 8v2.5M14.2 8v2"],
  lock: ["M4 7.5h8v6H4z", "M5.5 7.5V5a2.5 2.5 0 015 0v2.5"],
  out: ["M9.5 2.5h4v4M13.5 2.5L8 8M11.5 9v4.5h-9v-9H7"],
};

// icon draws a small line drawing, which screen readers skip.
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  for (const d of drawings[name]) {
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

// settle makes nodes the children of parent. It does not touch those that are there
// already, so that focus, selection and scrolling survive.
export function settle(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

// redraw replaces the children of parent, and returns the focus to the element with
// the data-test of the one that had it.
export function redraw(parent, ...nodes) {
  const had = parent.contains(document.activeElement) ? document.activeElement : null;
  const name = had && had.dataset.test;
  parent.replaceChildren(...nodes.flat(Infinity).filter(Boolean));
  if (name) parent.querySelector(`[data-test="${CSS.escape(name)}"]`)?.focus({ preventScroll: true });
}

// memo calls draw only when what it draws has changed.
export function memo(draw) {
  let last;
  return (what, ...rest) => {
    const now = JSON.stringify(what);
    if (now === last) return;
    last = now;
    draw(what, ...rest);
  };
}

// webLink returns an http or https address, and null for any other.
export function webLink(address) {
  try {
    const url = new URL(address);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

// anchor draws a link that opens in another tab. If the address is not http or
// https, it draws only the words: javascript: and data: never become links.
export function anchor(address, words, props) {
  const href = webLink(address);
  if (!href) return h("span", {}, words);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer", ...props }, words);
}

// copy puts text on the clipboard; the promise tells whether it worked.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
