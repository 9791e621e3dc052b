// What the state means for the person who reads it: who sees what, what is unread,
// and the names of ids. Pure functions; nothing here draws.
import { clock, instant } from "./time.js";

export const app = "AWS Access";
export const dm = "dm"; // stands for the direct channel with the app
export const slackbot = "USLACKBOT"; // says what Slack itself says; no state holds it

const known = [
  { id: "C0APPROVALS", name: "approvals", topic: "Requests that wait for a decision" },
  { id: "C0PAYMENTS", name: "payments", topic: "The payments team; type commands here" },
  { id: "C0OPS", name: "ops", topic: "Messages for the owners of AWS Access" },
];

// channels are the known ones and all others that have a message.
export function channels(state) {
  const found = new Map(known.map((c) => [c.id, c]));
  for (const c of state.channels || []) if (!c.dm_with) found.set(c.id, { topic: "", ...found.get(c.id), ...c });
  for (const m of state.messages) {
    if (!found.has(m.channel) && placeOf(m) !== dm) found.set(m.channel, { id: m.channel, name: bareName(m.channel), topic: "" });
  }
  return [...found.values()];
}

const bareName = (id) => id.replace(/^[CG]0?/, "").toLowerCase();

// placeOf is the conversation of a message.
export const placeOf = (m) => (m.dm_with || m.channel.startsWith("D") ? dm : m.channel);

// sees reports whether this person sees the message.
export const sees = (m, person) => (!m.to || m.to === person) && (!m.dm_with || m.dm_with === person);

// keyOf is a key that a message keeps when it is updated.
export const keyOf = (m) => `${m.channel}/${m.ts}/${m.to || ""}`;

// heard are the messages of a place that this person sees, oldest first.
export function heard(messages, person, place) {
  return messages.filter((m) => placeOf(m) === place && sees(m, person));
}

// names turns ids into names, for one reader.
export function names(state, me, go) {
  const users = new Map([[slackbot, "Slackbot"], ...state.users.map((u) => [u.id, nameOf(u)])]);
  const rooms = new Map(channels(state).map((c) => [c.id, c.name]));
  const groups = new Map(state.groups.map((g) => [g.id, g.handle || g.name || g.id]));
  return {
    me,
    go,
    people: state.users.map((u) => ({ text: { type: "plain_text", text: nameOf(u) }, value: u.id })),
    user: (id) => users.get(id) || id,
    channel: (id) => rooms.get(id) || id,
    group: (id) => groups.get(id) || id,
  };
}

// nameOf is the name of a user: "Dev One".
export const nameOf = (u) => u.real_name || u.name || u.id;

// initials are the two letters of an avatar: "DO" of "Dev One", "D1" of "dev1".
export function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [first(words[0]), first(words[1])] : [first(name), last(name)];
  return letters.join("").toUpperCase();
}

const first = (word) => [...word][0] || "?";
const last = (word) => ([...word].length > 1 ? (/\d$/.test(word) ? [...word].at(-1) : [...word][1]) : "");

const tones = new Map();

// tone is the number of an avatar's colour: each newcomer gets the next of eight.
export function tone(id) {
  if (!tones.has(id)) tones.set(id, tones.size % 8);
  return tones.get(id);
}

// membership says in a word why a user is not a plain member, or "".
export function membership(u) {
  if (u.deleted) return "deactivated";
  if (u.bot) return "bot";
  if (u.restricted || u.ultra_restricted) return "guest";
  if (u.team && u.team !== "T0SANDBOX") return "other workspace";
  return "";
}

const maxShown = 60; // people

// shownPeople are the people to choose from: everybody in a small workspace; in a
// large one the first, those who asked for something, and the reader.
export function shownPeople(state, me) {
  if (state.users.length <= maxShown) return state.users;
  const wanted = new Set([me, ...state.requests.map((r) => r.requester)]);
  return state.users.filter((u, i) => i < maxShown || wanted.has(u.id));
}

// groupsOf are the handles of the groups somebody is in.
export function groupsOf(state, id) {
  return state.groups.filter((g) => (g.members || g.users || []).includes(id)).map((g) => g.handle || g.name || g.id);
}

// who is the name of a person that the state gives as an id or as an object.
export function who(person, called) {
  if (!person) return "";
  if (typeof person === "string") return called.user(person);
  return person.name || called.user(person.id || person.ID || "");
}

export const idOf = (person) => (typeof person === "string" ? person : person?.id || person?.ID || "");

// over reports whether a request's state is final.
export const over = (state) => !["pending", "active"].includes(state);

// windowOpen reports whether the request's grant still gives access.
export const windowOpen = (r) => r.state === "active" && !(instant(r.ends) <= clock.now);

// requestOf finds the request under which a session lives.
export function requestOf(state, session) {
  return state.requests.find((r) => (session.session_name || "").endsWith(r.id));
}
