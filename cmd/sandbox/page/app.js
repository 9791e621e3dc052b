// The page as a whole: reads the state every second and after each action, knows
// who the reader is and what is open, and passes both to the parts that draw.
import { act, parsed, readState, reset, turnClock } from "./api.js";
import { h, icon, memo, redraw } from "./dom.js";
import { ask, confirmed, ViewDialog } from "./modal.js";
import { Panel } from "./panel.js";
import { beginning, Composer, drawHead, face, Talk } from "./talk.js";
import { clock, instant } from "./time.js";
import { Tour } from "./tour.js";
import { app, channels, dm, groupsOf, heard, keyOf, names as namesOf, nameOf, placeOf, sees, shownPeople, slackbot, membership, tone } from "./world.js";

const pollEvery = 1000; // ms
const el = (id) => document.getElementById(id);

const world = {
  state: null,
  me: "U0DEV1",
  place: "C0PAYMENTS",
  running: true,
  answered: null, // ms of the last answer to Slack
  own: [], // private answers that are not in the state
  read: load("read", {}), // person -> place -> ts of the newest message read
  newFrom: "", // key of the first unread message when the place was entered
  used: load("used", false),
  hidden: load("guide-hidden", false),
};

// What survives a reload of this tab, if the browser stores it.
function load(name, otherwise) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function save(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // The browser stores nothing; the page works without it.
  }
}

let called = {}; // names of ids, for the present state and person

function names() {
  const { state, me } = world;
  if (called.state !== state || called.me !== me) called = { state, me, names: namesOf(state, me, (id) => go(world.me, id)) };
  return called.names;
}

const messages = () => [...world.state.messages, ...world.own].sort((a, b) => Number.parseFloat(a.ts) - Number.parseFloat(b.ts));

const talk = new Talk({ names, click: clicked, list: el("list"), scroll: el("scroll") });
const composer = new Composer(el("foot"), { send: said });
const views = new ViewDialog({ names, me: () => world.me, refresh: fresh, fail: toast });
const panel = new Panel(el("panel"), { names, turn, say: (line) => composer.put(line) });
const tour = new Tour(el("steps"), el("coach"), { names, go: guide, hide: () => showGuide(false), again: startOver });

// --- reading ---------------------------------------------------------------

let reading = null; // the read that is running

function refresh() {
  reading ||= read().finally(() => (reading = null));
  return reading;
}

// fresh reads a state that is newer than this call, for use after an action.
async function fresh() {
  if (reading) await reading;
  await refresh();
}

async function read() {
  try {
    take(await readState());
    el("app").classList.remove("lost");
  } catch (err) {
    if (!el("app").classList.contains("lost")) toast(`The sandbox does not answer: ${err.message}`);
    el("app").classList.add("lost");
  }
}

function take(state) {
  const lists = ["users", "groups", "messages", "views", "requests", "sessions", "denies", "audit", "devices", "v1"];
  for (const list of lists) state[list] ||= [];
  state.calls ||= {};
  state.url ||= "";
  watchClock(instant(state.now), state.running);
  state.users.forEach((u) => tone(u.id)); // colours follow the order of people
  const before = world.state;
  world.state = state;
  if (before) announce(before, state);
  draw();
}

// watchClock moves the page's clock. The sandbox's clock runs if it moved between
// two readings that are far enough apart.
let look = { now: 0, at: 0 };

function watchClock(now, running) {
  clock.now = now;
  const at = performance.now();
  if (typeof running === "boolean") world.running = running;
  else if (at - look.at < pollEvery * 0.8) return;
  else world.running = look.now === 0 || now !== look.now;
  look = { now, at };
}

// announce tells a screen reader what arrived.
function announce(before, state) {
  const had = new Set(before.messages.map(keyOf));
  const arrived = state.messages.filter((m) => !had.has(keyOf(m)) && sees(m, world.me));
  if (!arrived.length || arrived.length > 5) return;
  el("live").textContent = arrived.map((m) => `New message in ${placeName(placeOf(m))}: ${String(m.text || "").slice(0, 200)}`).join(". ");
}

const placeName = (place) => (place === dm ? `the messages of ${app}` : names().channel(place));

async function poll() {
  await refresh();
  setTimeout(poll, pollEvery);
}

// --- drawing ---------------------------------------------------------------

function draw() {
  if (!world.state) return;
  const { state, me, place } = world;
  const all = messages();
  const here = heard(all, me, place);
  const rooms = channels(state);
  const channel = rooms.find((c) => c.id === place) || rooms[0];
  if (here.length) markRead(here.at(-1).ts);
  tour.show(state, { me, used: world.used, hidden: world.hidden });
  drawHead({ place: place === dm ? dm : channel.id, channel, name: nameOf(state.users.find((u) => u.id === me) || { id: me }) });
  talk.show(`${me}/${place}`, here, world.newFrom, beginning(place, channel, (line) => composer.put(line)));
  composer.speakTo(place === dm ? `Message ${app}, or type /aws-access` : `Message #${channel.name}, or type /aws-access`);
  const people = shownPeople(state, me);
  drawPeople({ people: people.map((u) => [u, groupsOf(state, u.id)]), me, waiting: people.map((u) => unread(all, u.id, dm)), more: state.users.length - people.length });
  drawPlaces({ rooms, place, me, counts: rooms.map((c) => unread(all, me, c.id)), direct: unread(all, me, dm) });
  views.show(state.views);
  panel.show(state, world.running, world.answered);
}

function unread(all, person, place) {
  const since = Number.parseFloat(world.read[person]?.[place] || "0");
  return heard(all, person, place).filter((m) => Number.parseFloat(m.ts) > since).length;
}

function markRead(ts) {
  const places = (world.read[world.me] ||= {});
  if (Number.parseFloat(places[world.place] || "0") >= Number.parseFloat(ts)) return;
  places[world.place] = ts;
  save("read", world.read);
}

const drawPeople = memo(({ people, me, waiting, more }) => {
  const rows = people.map(([u, groups], i) => ({ u, node: personButton(u, groups, u.id === me, waiting[i]) }));
  const plainOnes = rows.filter(({ u }) => !membership(u)).map(({ node }) => node);
  const others = rows.filter(({ u }) => membership(u));
  const open = el("people").querySelector("details")?.open || others.some(({ u }) => u.id === me);
  redraw(el("people"), plainOnes, others.length ? h("details", { class: "others", open }, h("summary", { test: "people-others" }, "People who may not ask"), others.map(({ node }) => node)) : null, more ? h("p", { class: "more", test: "people-more" }, `${more.toLocaleString("en")} more people. Add #U0DEV1/dm to the address of this page, with the id of one of them, to be that person.`) : null);
});

function personButton(u, groups, mine, waiting) {
  const name = nameOf(u);
  const about = membership(u) || groups.join(", ") || u.email || u.id;
  const badge = waiting ? h("span", { class: "badge", "aria-label": `${waiting} unread` }, String(waiting)) : null;
  return h(
    "button",
    { type: "button", class: "person", test: `person-${u.id}`, "aria-pressed": String(mine), title: [u.id, u.email].filter(Boolean).join(" · "), on: { click: () => go(u.id, world.place) } },
    face(u.id, name, "small"),
    h("span", { class: "who" }, h("b", {}, name), h("small", {}, about)),
    badge,
  );
}

const drawPlaces = memo(({ rooms, place, counts, direct }) => {
  redraw(el("channels"), rooms.map((c, i) => placeButton(c.id, `channel-${c.id}`, [h("span", { class: "hash" }, "#"), h("span", { class: "name" }, c.name)], c.id === place, counts[i] ? h("span", { class: "dot", "aria-label": "unread" }) : null)));
  redraw(el("apps"), placeButton(dm, "dm", [face("", app, "tiny"), h("span", { class: "name" }, app)], place === dm, direct ? h("span", { class: "badge", "aria-label": `${direct} unread` }, String(direct)) : null));
});

function placeButton(place, test, inside, here, mark) {
  return h("button", { type: "button", class: mark ? "place unread" : "place", test, "aria-current": here ? "page" : null, on: { click: () => go(world.me, place) } }, inside, mark);
}

// --- moving about ------------------------------------------------------------

// go switches to a person and a place. The address holds both, so that it can be
// bookmarked and shared.
function go(me, place) {
  const hash = `#${me}/${place}`;
  if (location.hash === hash) return;
  history.replaceState(null, "", hash);
  enter(me, place);
}

function enter(me, place) {
  Object.assign(world, { me, place });
  if (!world.state) return;
  const since = world.read[me]?.[place];
  const first = since && heard(messages(), me, place).find((m) => Number.parseFloat(m.ts) > Number.parseFloat(since));
  world.newFrom = first ? keyOf(first) : "";
  draw();
}

function fromAddress() {
  const [me, place] = decodeURIComponent(location.hash.slice(1)).split("/");
  if (/^[UW][A-Z0-9]+$/.test(me || "")) world.me = me;
  if (place === dm || /^[CG][A-Z0-9]+$/.test(place || "")) world.place = place;
  enter(world.me, world.place);
}

function guide(there) {
  if (there.me) go(there.me, there.place);
  if (there.line) composer.put(there.line);
  if (there.focus) {
    if (document.body.classList.contains("no-panel")) showPanel(true);
    document.querySelector(`[data-test="${there.focus}"]`)?.focus();
  }
}

// --- acting ------------------------------------------------------------------

// does acts as the present person and then reads the state.
async function does(what) {
  try {
    const answer = await act({ as: world.me, ...what });
    world.answered = Number.isFinite(answer.ms) ? Math.round(answer.ms * 10) / 10 : world.answered;
    await fresh();
    return answer;
  } catch (err) {
    toast(err.message);
    return null;
  }
}

async function clicked(message, label, nth, element) {
  if (element.confirm && !(await confirmed(element.confirm))) return;
  const answer = await does({ click: label, on: `${message.channel}/${message.ts}`, ...(nth > 1 ? { nth } : {}) });
  if (answer?.shown) toast(answer.shown);
}

// said takes a line of the composer. Only the command is sent: people do not chat
// here.
async function said(text) {
  const line = text.trim();
  const { me } = world;
  if (!/^\/aws-access(\s|$)/.test(line)) return whisper(line.startsWith("/") ? `${line.split(/\s/)[0]} is not a command here. Try /aws-access.` : "In the sandbox only commands are sent. Try /aws-access.");
  const before = new Set(messages().map(keyOf));
  const answer = await does({ command: line });
  if (!answer || me !== world.me) return undefined;
  const mine = messages().filter((m) => !before.has(keyOf(m)) && m.to === me);
  if (mine.length) return go(me, placeOf(mine.at(-1)));
  return shown(answer);
}

// shown draws an answer that is not in the state.
function shown(answer) {
  const body = parsed(answer.body);
  if (answer.shown) whisper(answer.shown);
  else if (body && (body.text || body.blocks)) whisper(body.text || "", body.blocks, app);
}

function whisper(text, blocks = [], author = "Slackbot") {
  const ts = (clock.now / 1000 + world.own.length / 1e4).toFixed(6);
  world.own.push({ channel: world.place === dm ? "D" : world.place, dm_with: world.place === dm ? world.me : undefined, ts, to: world.me, text, blocks, author, by: author === app ? undefined : slackbot });
  draw();
}

async function turn(how) {
  try {
    await turnClock(how);
    if ("stop" in how || "run" in how) world.running = "run" in how;
    look.at = performance.now();
    await fresh();
  } catch (err) {
    toast(err.message);
  }
}

async function startOver() {
  const sure = await ask({ title: "Start over?", words: h("p", {}, "Everything goes back to the start: requests, messages, sessions, the clock, the policy, people and roles."), yes: "Start over", danger: true });
  if (!sure) return;
  try {
    await reset();
  } catch (err) {
    toast(err.message);
    return;
  }
  Object.assign(world, { own: [], read: {}, used: false, newFrom: "", answered: null });
  save("read", {});
  save("used", false);
  views.forget();
  look = { now: 0, at: 0 };
  await fresh();
  go("U0DEV1", "C0PAYMENTS");
}

function use() {
  world.used = true;
  save("used", true);
  draw();
}

// --- the frame ---------------------------------------------------------------

function toast(words) {
  const note = h("div", { class: "toast", test: "toast" }, icon("alert"), h("span", {}, words));
  el("toasts").append(note);
  setTimeout(() => note.remove(), 8000);
}

function tool(name, words, test, f, pressed) {
  return h("button", { type: "button", class: "tool", test, title: words, "aria-label": words, "aria-pressed": pressed, on: { click: f } }, icon(name));
}

function buildTools() {
  el("tools").replaceChildren(
    tool("flag", "Guide", "tool-guide", () => showGuide(world.hidden), String(!world.hidden)),
    tool("sun", "Light or dark", "tool-theme", turnTheme),
    tool("panel", "Behind the scenes", "tool-panel", () => showPanel(document.body.classList.contains("no-panel")), "true"),
    h("button", { type: "button", class: "tool wide", test: "reset", on: { click: startOver } }, icon("reset"), "Start over"),
  );
}

function showGuide(shown) {
  world.hidden = !shown;
  save("guide-hidden", world.hidden);
  document.querySelector("[data-test=tool-guide]").setAttribute("aria-pressed", String(shown));
  draw();
}

function showPanel(shown) {
  document.body.classList.toggle("no-panel", !shown);
  document.querySelector("[data-test=tool-panel]").setAttribute("aria-pressed", String(shown));
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  save("theme", root.dataset.theme);
}

function start() {
  const theme = load("theme", "");
  if (theme) document.documentElement.dataset.theme = theme;
  buildTools();
  if (matchMedia("(max-width: 1060px)").matches) showPanel(false); // it would cover the messages
  fromAddress();
  addEventListener("hashchange", fromAddress);
  document.addEventListener("copied", use);
  el("list").addEventListener("copy", use);
  el("list").addEventListener("click", (e) => {
    if (e.target.closest("a[href]")) use();
  });
  poll();
}

start();
