// The guide at the top of the page: the life of one request in five steps. What
// is done is read from the state, so it survives a reload.
import { h, icon, memo, redraw } from "./dom.js";
import { dm, over } from "./world.js";

const granted = (r) => !["pending", "denied", "cancelled", "timed_out"].includes(r.state);
const idOf = (person) => (typeof person === "string" ? person : person?.id);

// waiting is the newest pending request, and half whether it has an approval.
const waiting = (s) => s.requests.findLast((r) => r.state === "pending");
const half = (s) => Boolean(waiting(s)?.approvals?.length);
const decider = (s) => (half(s) ? "U0SEC1" : "U0LEAD1");
const cardPlace = (s) => waiting(s)?.channels?.[0] || "C0APPROVALS";
const asker = (s) => idOf(s.requests.findLast(granted)?.requester) || "U0DEV1";

// Each step: its name, when it is done, the words of the guide, and where its
// button leads ({me, place, line, focus}). called turns ids into names.
const steps = [
  {
    name: "Ask",
    done: (s) => s.requests.length > 0,
    words: (s, called, me) => (me === "U0DEV1" ? `You are ${called.user(me)}. Type /aws-access and fill in the form.` : `Switch to ${called.user("U0DEV1")}, type /aws-access and fill in the form.`),
    there: () => ({ me: "U0DEV1", place: "C0PAYMENTS", line: "/aws-access" }),
    go: () => "Type it for me",
  },
  {
    name: "Approve",
    done: (s) => s.requests.some(granted),
    words: (s, called) =>
      half(s) ? "The card has one approval and says who else must approve. Switch to that person." : `Switch to ${called.user(decider(s))} and press Approve on the card in #${called.channel(cardPlace(s))}.`,
    there: (s) => ({ me: decider(s), place: cardPlace(s) }),
    go: (s, called) => `Switch to ${called.user(decider(s))}`,
  },
  {
    name: "Open",
    done: (s) => s.sessions.length > 0,
    words: () => "AWS Access has sent the requester a message. Press Open AWS console or Get temporary keys there.",
    there: (s) => ({ me: asker(s), place: dm }),
    go: () => "Take me there",
  },
  {
    name: "Use",
    done: (s, at) => at.used || s.requests.some((r) => granted(r) && over(r.state)),
    words: () => "Follow the link to the simulated AWS console, or copy the keys. Both stop working when the grant ends.",
    there: (s) => ({ me: asker(s), place: dm }),
    go: () => "Take me there",
  },
  {
    name: "End",
    done: (s) => s.requests.some((r) => granted(r) && over(r.state)),
    words: () => "On the right, move the clock past the end of the grant. Access stops by itself.",
    there: () => ({ focus: "clock-end" }),
    go: () => "Show me",
  },
];

// Tour draws the steps and the words of the guide. o: {names(), go(there), hide(), again()}.
export class Tour {
  constructor(bar, coach, o) {
    Object.assign(this, { bar, coach, o });
    this.draw = memo((what, state) => this.fill(what, state));
  }

  // show marks the steps that are done. at: {me, used, hidden}.
  show(state, at) {
    const done = steps.map((step) => Boolean(step.done(state, at)));
    const current = done.indexOf(false);
    const step = steps[current];
    const called = this.o.names();
    const words = step ? step.words(state, called, at.me) : "";
    this.draw({ done, current, words, go: step?.go(state, called), hidden: at.hidden }, state);
  }

  fill({ done, current, words, go, hidden }, state) {
    this.coach.hidden = hidden;
    redraw(this.bar, steps.map((step, i) => mark(step, i, done[i], i === current)));
    if (hidden) return;
    const hide = h("button", { type: "button", class: "bare", "aria-label": "Hide the guide", test: "tour-hide", on: { click: () => this.o.hide() } }, icon("close"));
    if (current < 0) redraw(this.coach, icon("flag"), h("p", {}, h("b", {}, "That was the whole life of a request. "), "Now try a denial, a guest, an approval of your own request, or a deactivated account."), h("button", { type: "button", class: "button mini", test: "tour-again", on: { click: () => this.o.again() } }, "Start over"), hide);
    else redraw(this.coach, h("span", { class: "step-number" }, String(current + 1)), h("p", { test: "tour-words" }, words), h("button", { type: "button", class: "button mini", test: "tour-go", on: { click: () => this.o.go(steps[current].there(state)) } }, go), hide);
  }
}

const mark = (step, i, done, current) =>
  h(
    "li",
    { class: done ? "done" : current ? "current" : "", "aria-current": current ? "step" : null, test: `step-${i + 1}` },
    h("span", { class: "dot" }, done ? icon("check") : String(i + 1)),
    step.name,
    done ? h("span", { class: "quiet" }, " done") : null,
  );
