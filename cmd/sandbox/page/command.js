// The command line beside Slack: what to paste into a terminal, the computers that
// are paired, and the calls that programs make to /v1.
import { h, icon, memo, redraw } from "./dom.js";
import { fence } from "./mrkdwn.js";
import { clock, dayAndYear, fullTime, instant, tickTimes } from "./time.js";

const shownCalls = 100; // rows; older ones are counted

// CommandLine draws three parts of the right column. o: {names(), say(line)}.
export class CommandLine {
  constructor(o) {
    this.o = o;
    this.parts = ["paste", "devices", "v1"].map((name) => h("section", { class: `part-${name}` }));
    [this.paste, this.devices, this.v1] = this.parts;
    this.paste.addEventListener("copied", (e) => e.stopPropagation()); // nobody has used access by it
    this.drawPaste = memo((url) => this.lines(url));
    this.drawDevices = memo((what, state) => this.computers(state));
    this.drawCalls = memo((what, state) => this.calls(state));
  }

  show(state) {
    this.drawPaste(state.url);
    this.heed(state.v1.length);
    this.drawDevices({ devices: state.devices, over: state.devices.map((d) => over(d)), names: state.users }, state);
    this.drawCalls({ count: state.v1.length, last: state.v1.at(-1), devices: state.devices, names: state.users }, state);
    tickTimes(this.devices);
  }

  lines(url) {
    const base = url.replace(/\/v1#.*$/, "");
    const login = h("button", { type: "button", class: "button mini", test: "type-login", on: { click: () => this.o.say("/aws-access login") } }, "Type /aws-access login for me");
    const inside = h("ol", { class: "paste", test: "paste" }, [
      step("Build the command, in this clone.", fence('go build -o bin/aws-access ./cmd/aws-access\nexport PATH="$PWD/bin:$PATH"')),
      step("Get a code in Slack. Then pair this computer, and type the code when it asks.", login, fence(`aws-access login '${url}'`)),
      step("Ask. The command waits until somebody presses Approve.", fence('aws-access request payments-prod ReadOnly 2h "stuck payouts"')),
      step("Use it. The keys are renewed by themselves until the grant ends. The first line writes your real ~/.aws/config. The second sends every call of this shell to the sandbox, until you unset AWS_ENDPOINT_URL.", fence(`aws-access profiles --write\nexport AWS_ENDPOINT_URL=${base}/aws\naws --profile payments-prod-ReadOnly s3 ls`)),
      step("Give it back.", fence("aws-access done")),
    ]);
    this.fold = h("details", { class: "lines", open: !this.called }, h("summary", { test: "paste-title" }, "In a terminal"), inside);
    redraw(this.paste, this.fold);
  }

  // heed closes the lines to paste when the first program has called: what it did is
  // below them.
  heed(count) {
    if (count > 0 && !this.called) this.fold.open = false;
    this.called = count > 0;
  }

  computers(state) {
    const rows = state.devices.map((d) => this.computer(d)).reverse();
    redraw(this.devices, title("Paired computers", state.devices.filter((d) => !over(d)).length), rows.length ? rows : h("p", { class: "none" }, "No computer is paired. The code for it comes in Slack, and never the other way."));
    tickTimes(this.devices);
  }

  computer(d) {
    const state = d.removed ? "removed" : over(d) ? "expired" : "paired";
    const left = state === "paired" ? h("span", { data: { until: String(instant(d.expires)), after: " left", over: "expired" } }) : h("span", {}, d.removed ? fullTime(instant(d.removed)) : "");
    return h(
      "div",
      { class: "row plain", test: `device-${d.owner}`, title: `${d.id}\npaired ${dayAndYear(instant(d.paired))}, ${fullTime(instant(d.paired))}` },
      h("div", { class: "line" }, h("b", {}, d.name || "a computer"), h("span", { class: `state ${state === "paired" ? "active" : "refused"}` }, state)),
      h("div", { class: "line dim" }, h("span", {}, `${this.o.names().user(d.owner)} · ${d.id.slice(0, 8)}…`), left),
    );
  }

  calls(state) {
    const rows = state.v1.slice(-shownCalls).map((c) => this.call(c, state)).reverse();
    const earlier = state.v1.length - rows.length;
    redraw(
      this.v1,
      title("Calls to /v1", state.v1.length),
      rows.length ? h("ol", { class: "trail", reversed: true, test: "v1" }, rows) : h("p", { class: "none" }, "No program has called yet."),
      earlier > 0 ? h("p", { class: "past" }, `${earlier} earlier`) : null,
      h("p", { class: "past" }, "Every answer is signed by vend. Keys and links are sealed to the one call that asked for them, so nothing on the way can read them, this page included."),
    );
  }

  call(c, state) {
    const t = instant(c.at);
    const about = [c.role, caller(c, state, this.o.names())].filter(Boolean).join(" · ");
    return h(
      "li",
      { class: c.sealed ? "sealed" : "", test: c.sealed ? "sealed" : null, title: [c.account, about, c.device].filter(Boolean).join("\n") },
      h("time", { title: dayAndYear(t) }, fullTime(t)),
      icon(c.sealed ? "lock" : c.status < 300 ? "check" : "close"),
      h("span", { class: "deed" }, h("b", {}, c.op || "unreadable"), c.account ? ` ${c.account}` : "", h("small", {}, about)),
      h("span", { class: `state ${tone(c)}` }, c.sealed ? `${c.status} sealed` : [c.status, c.code].filter(Boolean).join(" ")),
    );
  }
}

const step = (words, ...inside) => h("li", {}, h("p", {}, words), inside);

const title = (words, count) => h("h3", {}, words, h("span", { class: "count" }, String(count)));

const over = (d) => Boolean(d.removed) || instant(d.expires) <= clock.now;

const tone = (c) => (c.status >= 300 ? "refused" : c.status === 202 ? "pending" : "active");

// caller says in words who made a call, as the call itself says.
function caller(c, state, names) {
  if (c.by === "aws") return "a role in AWS";
  if (c.by === "oidc") return "a pipeline";
  const device = state.devices.find((d) => d.id === c.device);
  if (device) return `${names.user(device.owner)}, ${device.name || "a computer"}`;
  return c.by === "code" ? "a new computer" : "an unknown key";
}
