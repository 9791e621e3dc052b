// The right column: the clock and its controls, and below it either what happens
// behind the scenes (live sessions, requests, cuts and the denies on roles, the audit
// trail and the calls that were made) or the command line.
import { CommandLine } from "./command.js";
import { face } from "./talk.js";
import { h, icon, memo, redraw } from "./dom.js";
import { clock, dayAndYear, fullTime, instant, iso, shortTime, tickTimes, zoneName } from "./time.js";
import { idOf, requestOf, who, windowOpen } from "./world.js";

const told = 60 * 1000; // ms after its end within which a tick closes a grant and tells everybody
const shownAudit = 200; // rows; older ones are counted

const leaps = [
  { test: "clock-1m", words: "+1 min", how: { advance: "1m" } },
  { test: "clock-15m", words: "+15 min", how: { advance: "15m" } },
  { test: "clock-1h", words: "+1 h", how: { advance: "1h" } },
  { test: "clock-1d", words: "+1 day", how: { advance: "24h" } },
];

// Panel draws the right column. o: {names(), turn(how) (a promise), say(line)}.
export class Panel {
  constructor(root, o) {
    this.o = o;
    this.root = root;
    this.open = new Set();
    this.parts = Object.fromEntries(["clock", "sessions", "requests", "denies", "audit", "calls"].map((name) => [name, h("section", { class: `part-${name}` })]));
    this.command = new CommandLine(o);
    const [clockPart, ...behind] = Object.values(this.parts);
    root.replaceChildren(this.buildTabs({ scenes: behind, command: this.command.parts }), clockPart, ...behind, ...this.command.parts);
    this.turnTo("scenes");
    this.buildClock();
    this.drawGrants = memo((grants) => this.grants(grants));
    this.drawSessions = memo((what, state) => this.sessions(what, state));
    this.drawRequests = memo((what, state) => this.requests(state));
    this.drawDenies = memo((what, state) => this.denies(state));
    this.drawAudit = memo((what, state) => this.audit(state));
    this.drawCalls = memo((what) => this.calls(what));
  }

  // buildTabs makes the buttons that choose what is below the clock.
  buildTabs(parts) {
    this.tabs = Object.fromEntries(
      [["scenes", "Behind the scenes"], ["command", "Command line"]].map(([name, words]) => {
        const button = h("button", { type: "button", class: "tab", test: `tab-${name}`, on: { click: () => this.turnTo(name) } }, words);
        return [name, { button, parts: parts[name] }];
      }),
    );
    return h("div", { class: "tabs", role: "group", "aria-label": "What to show" }, Object.values(this.tabs).map((t) => t.button));
  }

  turnTo(name) {
    for (const [key, { button, parts }] of Object.entries(this.tabs)) {
      button.setAttribute("aria-pressed", String(key === name));
      for (const part of parts) part.hidden = key !== name;
    }
  }

  show(state, running, answered) {
    this.tick(running);
    this.command.show(state);
    const narrowed = new Set(state.sessions.map((s) => s.narrowed_from));
    const given = state.sessions.filter((s) => !narrowed.has(s.access_key_id)); // vend keeps the others
    const live = given.filter((s) => instant(s.expires) > clock.now);
    const grants = state.requests.filter(windowOpen);
    this.drawGrants(grants.map((r) => ({ id: r.id, ends: r.ends, account: r.account_name || r.account, role: r.role })));
    this.drawSessions({ live, gone: given.length - live.length, cuts: state.cuts, open: grants.map((r) => r.id), over: state.requests.filter((r) => r.ends && instant(r.ends) <= clock.now).map((r) => r.id), names: state.users }, state);
    this.drawRequests({ requests: state.requests, names: state.users }, state);
    this.drawDenies({ denies: state.denies, cuts: state.cuts, believed: state.denies.map((d) => believed(d)), freeze: state.freeze, names: state.users }, state);
    this.drawAudit({ audit: state.audit.length, last: state.audit.at(-1), names: state.users }, state);
    this.drawCalls({ calls: state.calls, answered });
    tickTimes(this.root);
  }

  buildClock() {
    this.face = h("time", { class: "big", test: "clock-now" });
    this.date = h("span", {});
    this.toggle = h("button", { type: "button", class: "chip", test: "clock-toggle" });
    this.toggle.addEventListener("click", () => this.turn(this.toggle, this.running ? { stop: true } : { run: true }));
    this.ends = h("div", { class: "ends" });
    this.parts.clock.append(
      h("div", { class: "clock-row" }, h("div", {}, this.face, h("div", { class: "date" }, this.date)), this.toggle),
      h("div", { class: "leaps", role: "group", "aria-label": "Move the clock" }, leaps.map((l) => this.leap(l))),
      this.ends,
    );
  }

  leap({ test, words, how }) {
    const button = h("button", { type: "button", class: "button mini", test }, h("span", {}, words));
    button.addEventListener("click", () => this.turn(button, how));
    return button;
  }

  async turn(button, how) {
    button.disabled = true;
    button.classList.add("busy");
    await this.o.turn(how);
    button.disabled = false;
    button.classList.remove("busy");
  }

  tick(running) {
    this.face.textContent = fullTime(clock.now);
    this.date.textContent = `${dayAndYear(clock.now)} · ${zoneName(clock.now)}`;
    if (this.running === running) return;
    this.running = running;
    this.toggle.replaceChildren(icon(running ? "pause" : "play"), running ? "Stop" : "Run");
    this.toggle.setAttribute("aria-label", running ? "Stop the sandbox clock" : "Let the sandbox clock run");
    this.parts.clock.classList.toggle("held", !running);
  }

  grants(grants) {
    const buttons = grants.slice(0, 4).map((g, i) => {
      const words = [`Past ${shortTime(instant(g.ends))}`, h("small", {}, `end of ${g.role} in ${g.account}`)];
      const button = h("button", { type: "button", class: "button mini", test: i ? `clock-end-${i + 1}` : "clock-end" }, h("span", {}, words));
      button.addEventListener("click", () => this.turn(button, { set: iso(instant(g.ends) + told) }));
      return button;
    });
    redraw(this.ends, buttons.length ? buttons : h("button", { type: "button", class: "button mini", disabled: true, test: "clock-end" }, "Past the end of the grant", h("small", {}, "there is no grant")));
  }

  title(words, count) {
    return h("h3", {}, words, count === undefined ? null : h("span", { class: "count" }, String(count)));
  }

  // fold is a part that opens. It stays open or closed when it is drawn again.
  fold(key, summary, inside) {
    const box = h("details", { class: "row", open: this.open.has(key) }, h("summary", { test: `row-${key}` }, summary), inside);
    box.addEventListener("toggle", () => (box.open ? this.open.add(key) : this.open.delete(key)));
    return box;
  }

  sessions({ live, gone }, state) {
    const rows = live.map((s) => this.session(s, state)).reverse();
    const none = h("p", { class: "none" }, "No live sessions. Nobody has access.");
    const past = gone ? h("p", { class: "past" }, `${gone} expired`) : null;
    redraw(this.parts.sessions, this.title("Live sessions", live.length), rows.length ? rows : none, past);
    tickTimes(this.parts.sessions);
  }

  session(s, state) {
    const request = requestOf(state, s);
    const ended = s.ends && instant(s.ends) <= clock.now; // by the session policy
    const shown = s.state === "denied" ? "denied" : ended ? "refuses all" : s.state === "ending" ? "ending" : "live";
    const tone = { live: "active", ending: "pending" }[shown] || "refused";
    const summary = [
      h("div", { class: "line" }, h("b", {}, s.account_name || request?.account_name || s.account), h("span", { class: "dim" }, s.role), h("span", { class: `state ${tone}`, test: "session-state" }, shown)),
      h("progress", { max: String(Math.max(1, instant(s.expires) - instant(s.issued))), data: { until: String(instant(s.expires)) }, "aria-label": "Remaining life", class: tone === "active" ? "" : tone }),
      h("div", { class: "line dim" }, h("span", {}, s.source_identity || s.session_name), h("span", { data: { until: String(instant(s.expires)), after: " left", over: "expired" } })),
      shown === "live" ? null : h("p", { class: "why", test: "session-why" }, whyOver(shown, s, request, state)),
    ];
    return this.fold(`session-${s.access_key_id}`, summary, this.sessionFacts(s));
  }

  sessionFacts(s) {
    const tags = Object.entries(Array.isArray(s.tags) ? Object.fromEntries(s.tags.map((t) => [t.key || t.Key, t.value || t.Value])) : s.tags || {});
    return facts([
      ["access key", h("code", {}, s.access_key_id)],
      ["session name", h("code", {}, s.session_name)],
      ["source identity", h("code", {}, s.source_identity)],
      ["issued", fullTime(instant(s.issued))],
      ["expires", fullTime(instant(s.expires))],
      ["policy ends", s.ends && fullTime(instant(s.ends))],
      ["denied since", s.denied_since && fullTime(instant(s.denied_since))],
      ["narrowed from", s.narrowed_from && h("code", {}, s.narrowed_from)],
      ...tags.map(([k, v]) => [`tag ${k}`, h("code", {}, String(v))]),
      ["session policy", h("pre", { tabindex: "0" }, pretty(s.policy))],
    ]);
  }

  requests(state) {
    const rows = state.requests.map((r) => this.request(r)).reverse();
    redraw(this.parts.requests, this.title("Requests", state.requests.length), rows.length ? rows : h("p", { class: "none" }, "No requests yet."));
    tickTimes(this.parts.requests);
  }

  request(r) {
    const names = this.o.names();
    const summary = [
      h("div", { class: "line" }, h("b", {}, r.account_name || r.account), h("span", { class: "dim" }, r.role), badge(r.state)),
      r.cut === "ending" ? h("p", { class: "why", test: "request-cut" }, `Its sessions are being ended since ${fullTime(instant(r.cut_since))}. Until the deny is there, nothing says that they have ended.`) : null,
      h("div", { class: "line dim" }, h("span", {}, requester(r, names)), remaining(r)),
    ];
    return this.fold(`request-${r.id}`, summary, this.requestFacts(r));
  }

  requestFacts(r) {
    const names = this.o.names();
    return facts([
      ["id", h("code", {}, r.id)],
      ["reason", r.reason],
      ["ticket", r.ticket],
      ["at most", longest(r.max)],
      ["ends", r.ends && instant(r.ends) > 0 ? `${dayAndYear(instant(r.ends))}, ${fullTime(instant(r.ends))}` : ""],
      ["asked for", r.asked],
      ["approved by", (r.approvals || []).map((a) => who(a.by || a, names)).join(", ")],
      ["closed by", r.closed_by && names.user(r.closed_by)],
      ["because", r.closed_why],
      ["cut", r.cut === "none" ? "" : `${r.cut}, since ${fullTime(instant(r.cut_since))}`],
      ["events", Array.isArray(r.events) ? String(r.events.length) : String(r.events ?? "")],
    ]);
  }

  denies(state) {
    const frozen = state.freeze ? [this.title("Frozen"), h("p", { class: "why", test: "frozen" }, `Nothing is granted, vended or paired since ${fullTime(instant(state.freeze.at))}: ${state.freeze.why}`)] : [];
    const cuts = state.cuts.map((c) => this.cut(c, state));
    const denies = state.denies.map((d) => this.deny(d, state));
    redraw(this.parts.denies, [
      ...frozen,
      ...(cuts.length ? [this.title("Cuts", cuts.length), ...cuts] : []),
      ...(denies.length ? [this.title("Denies on roles", denies.length), ...denies] : []),
    ]);
  }

  // cut is a cut list: whose sessions of a role are to be denied, and how far that is.
  cut(c, state) {
    const names = this.o.names();
    const done = c.names.every((n) => n.done);
    const summary = [
      h("div", { class: "line" }, h("b", {}, accountName(c.account, state)), h("span", { class: "dim" }, c.role), h("span", { class: `state ${done ? "refused" : "pending"}`, test: "cut-state" }, done ? "denied" : "ending")),
      ...c.names.map((n) => {
        const r = state.requests.find((one) => one.id === n.request);
        return h("div", { class: "line dim" }, h("span", {}, r ? requester(r, names) : n.request), h("span", {}, n.done ? `denied ${fullTime(instant(n.done))}` : `ordered ${r?.cut_since ? fullTime(instant(r.cut_since)) : ""}`));
      }),
      c.failed ? h("p", { class: "why", test: "cut-failed" }, `AWS did not take the deny: ${c.failed}. ${c.tries === 1 ? "One try has" : `${c.tries} tries have`} failed. The next one is at ${fullTime(instant(c.next_try))}, or at the next tick after it.`) : null,
      c.whole ? h("p", { class: "why" }, `The names did not fit. Every session of the role that was issued before ${fullTime(instant(c.whole))} is denied, until ${fullTime(instant(c.whole_until))}.`) : null,
    ];
    return this.fold(`cut-${c.account}-${c.role}`, summary, facts([["policy read", c.checked && fullTime(instant(c.checked))], ["next try", c.next_try && fullTime(instant(c.next_try))], ...c.names.map((n) => [n.done ? "denied" : "ending", h("code", {}, `*-${n.request}`)])]));
  }

  // deny is an inline policy of a role in a member account.
  deny(d, state) {
    const summary = [
      h("div", { class: "line" }, h("b", {}, accountName(d.account, state)), h("span", { class: "dim" }, d.role), h("span", { class: `state ${believed(d) ? "refused" : "pending"}`, test: "deny-state" }, believed(d) ? "enforced" : "stored")),
      h("div", { class: "line dim" }, h("span", {}, d.name), h("span", {}, believed(d) ? `since ${fullTime(instant(d.believed))}` : `IAM enforces it from ${fullTime(instant(d.believed))}`)),
    ];
    return this.fold(`deny-${d.account}-${d.role}-${d.name}`, summary, h("pre", { tabindex: "0" }, pretty(d.policy)));
  }

  audit(state) {
    const rows = state.audit.slice(-shownAudit).map((e, i, all) => this.entry(e, state, i === all.length - 1 && this.seen !== undefined && state.audit.length > this.seen)).reverse();
    const earlier = state.audit.length - rows.length;
    this.seen = state.audit.length;
    const list = rows.length ? h("ol", { class: "trail", reversed: true, test: "audit" }, rows) : h("p", { class: "none" }, "Every change of a request is recorded here.");
    redraw(this.parts.audit, this.title("Audit trail", state.audit.length), list, earlier > 0 ? h("p", { class: "past" }, `${earlier} earlier`) : null);
  }

  entry(e, state, fresh) {
    const names = this.o.names();
    const t = instant(e.at);
    const actor = idOf(e.actor);
    const isPerson = state.users.some((u) => u.id === actor);
    const isMachine = !isPerson && /^M/.test(actor);
    const name = isPerson ? who(e.actor, names) : isMachine ? briefly(e.actor_name) : actor === "system" ? e.actor_name : "time";
    const move = e.from && e.from !== e.to ? `${words(e.from)} → ${words(e.to)}` : words(e.to);
    return h(
      "li",
      { class: fresh ? "fresh" : "", title: [`request ${e.request}`, isMachine ? e.actor_name : "", e.why].filter(Boolean).join("\n") },
      h("time", { title: dayAndYear(t) }, fullTime(t)),
      isPerson ? face(actor, name, "tiny") : h("span", { class: "face tiny clockwork", "aria-hidden": "true" }, isMachine ? "⚙" : "⏱"),
      h("span", { class: "deed" }, h("b", {}, name), " ", [e.verb, e.kind, e.verb === "cut" ? e.cut : ""].filter(Boolean).join(" "), e.outcome ? h("small", {}, ` ${e.outcome}`) : null),
      h("span", { class: "move", title: move }, badge(e.to)),
    );
  }

  calls({ calls, answered }) {
    const rows = Object.entries(calls || {}).sort(([a], [b]) => (a < b ? -1 : 1));
    const total = rows.reduce((sum, [, n]) => sum + n, 0);
    redraw(
      this.parts.calls,
      this.title("Calls", total),
      answered === null ? null : h("p", { class: "answered" }, "Slack was answered in ", h("b", {}, answered < 1 ? "less than 1 ms" : `${answered} ms`), " (it waits 3 s)"),
      rows.length ? h("ul", { class: "calls" }, rows.map(([name, n]) => call(name, n))) : h("p", { class: "none" }, "No call to Slack or AWS yet."),
    );
  }
}

// believed reports whether IAM enforces an inline policy by now.
const believed = (d) => !d.believed || instant(d.believed) <= clock.now;

// whyOver says why a session is not simply live.
function whyOver(shown, s, request, state) {
  const lives = `The keys live at STS until ${fullTime(instant(s.expires))}.`;
  if (shown === "denied") return `Denied since ${fullTime(instant(s.denied_since))}, by a policy of the role that names this grant. ${lives}`;
  if (shown === "refuses all") return `The session policy refuses every call since ${fullTime(instant(s.ends))}. ${lives}`;
  const cut = state.cuts.find((c) => c.account === s.account && c.role === s.role);
  const deny = state.denies.find((d) => d.account === s.account && d.role === s.role && !believed(d) && d.policy.includes(request?.id));
  const closed = request?.state === "ended" ? "The grant was given back." : "The grant was revoked.";
  if (deny) return `${closed} The deny is stored, and IAM enforces it from ${fullTime(instant(deny.believed))} on. Until then this session works.`;
  if (cut?.failed) return `${closed} AWS did not take the deny (${cut.failed}), so this session works. It is tried again until it is there.`;
  return `${closed} The deny is ordered. Until it is there, this session works.`;
}

// accountName is the name under which an account was asked for.
const accountName = (id, state) => state.requests.find((r) => r.account === id)?.account_name || id;

// briefly is the name of a machine without its account and run: there is little room.
const briefly = (name) => String(name || "a machine").split(/ of | \(/)[0];

// requester is the name of a person, or of a machine that asks.
const requester = (r, names) => (/^M/.test(r.requester) ? r.requester_name : who(r.requester, names));

// remaining counts down to the time at which a request changes next.
function remaining(r) {
  if (r.state === "pending" && r.answer_by) return h("span", { data: { until: String(instant(r.answer_by)), before: "waits ", after: " more", over: "waits" } });
  if (r.state === "active" && r.ends) return h("span", { data: { until: String(instant(r.ends)), before: "ends in ", over: "ended" } });
  return h("span", {}, r.state === "pending" ? "waits for a decision" : "");
}

function call(name, n) {
  const at = name.indexOf(":");
  return h("li", {}, h("span", { class: "where" }, name.slice(0, at + 1)), name.slice(at + 1), h("b", {}, String(n)));
}

const badge = (state) => h("span", { class: `state ${String(state).replace(/[^a-z_]/g, "")}` }, words(state));

const words = (state) => String(state || "").replace("_", " ");

const facts = (rows) => h("dl", {}, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

// longest formats a length of time that is given as text or in seconds.
const longest = (max) => (typeof max === "number" ? `${max} s` : String(max || "").replace(/(?<=[a-z])0[ms]/g, ""));

// pretty indents a policy that is JSON; other text stays as it is.
function pretty(policy) {
  try {
    return JSON.stringify(typeof policy === "string" ? JSON.parse(policy) : policy, null, 2);
  } catch {
    return String(policy ?? "");
  }
}
