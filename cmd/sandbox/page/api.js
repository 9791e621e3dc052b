// The sandbox's controls, as the page uses them. Addresses are relative, so that
// the page works wherever it is mounted.

// readState reads the state. It throws when the sandbox does not answer.
export async function readState() {
  const answer = await fetch("sandbox/state", { cache: "no-store" });
  if (!answer.ok) throw new Error(`The sandbox answered ${answer.status}.`);
  return answer.json();
}

// The actions of one page are sent one after the other.
let last = Promise.resolve();

// act does something as a person in Slack: {status, ms, body, shown}.
export function act(what) {
  last = last.then(() => post("sandbox/act", what), () => post("sandbox/act", what));
  return last;
}

// suggest asks what a searchable menu offers. It does not wait for other acts.
export async function suggest(what) {
  const answer = await post("sandbox/act", what);
  const body = parsed(answer.body) || {};
  const groups = body.option_groups || [{ options: body.options || [] }];
  return { groups, shown: answer.shown };
}

// clock turns the clock: {advance}, {set}, {stop} or {run}.
export const turnClock = (how) => post("sandbox/clock", how);

// reset brings everything back to the start.
export const reset = () => post("sandbox/reset", {});

async function post(path, what) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(what),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(sentence(text) || `The sandbox answered ${answer.status}.`);
  return parsed(text) || {};
}

function sentence(text) {
  const body = parsed(text);
  return String((body && (body.error || body.message)) || text).trim().slice(0, 500);
}

// parsed reads JSON that may be read already; null when it is none.
export function parsed(body) {
  if (typeof body !== "string") return body ?? null;
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
