// Formats times. All are milliseconds since 1970 by the sandbox's clock, and are
// shown in the reader's time zone.

const format = (options) => new Intl.DateTimeFormat("en-GB", options);
const hourMinute = format({ hour: "2-digit", minute: "2-digit" });
const withSeconds = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const zone = format({ timeZoneName: "short" });
const weekday = format({ weekday: "long", day: "numeric", month: "long" });
const longDay = format({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
const dates = {
  date_num: new Intl.DateTimeFormat("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit" }),
  date: format({ day: "numeric", month: "long", year: "numeric" }),
  date_short: format({ day: "numeric", month: "short", year: "numeric" }),
  date_long: format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
};

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

// instant reads RFC 3339 text or a Slack ts; NaN when it is neither.
export function instant(text) {
  if (typeof text === "string" && text.includes("T")) return Date.parse(text);
  return Number.parseFloat(text) * second;
}

export const shortTime = (t) => hourMinute.format(t);
export const fullTime = (t) => withSeconds.format(t);
export const dayAndYear = (t) => longDay.format(t);
export const zoneName = (t) => zone.formatToParts(t).find((p) => p.type === "timeZoneName")?.value || "";
export const iso = (t) => new Date(t).toISOString();

const sameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();

// dayName is the text of a divider between days.
export function dayName(t, now) {
  if (sameDay(t, now)) return "Today";
  if (sameDay(t, now - day)) return "Yesterday";
  return weekday.format(t);
}

export const isSameDay = sameDay;

// span formats a length of time with its two largest units: "1 h 05 min".
export function span(ms) {
  const rest = Math.max(0, Math.floor(ms / second));
  const two = (n) => String(n).padStart(2, "0");
  const d = Math.floor(rest / 86400);
  const hours = Math.floor(rest / 3600) % 24;
  const minutes = Math.floor(rest / 60) % 60;
  if (d) return `${d} d ${hours} h`;
  if (hours) return `${hours} h ${two(minutes)} min`;
  if (minutes) return `${minutes} min ${two(rest % 60)} s`;
  return `${rest} s`;
}

// slackDate fills in the tokens of a <!date^...> format, as Slack does.
export function slackDate(t, words, now) {
  return words.replace(/\{([a-z_]+)\}/g, (whole, token) => {
    if (token === "time") return hourMinute.format(t);
    if (token === "time_secs") return withSeconds.format(t);
    if (token === "ago") return t <= now ? `${span(now - t)} ago` : `in ${span(t - now)}`;
    const base = token.replace(/_pretty$/, "");
    if (!dates[base]) return whole;
    if (base !== token && sameDay(t, now)) return "today";
    if (base !== token && sameDay(t, now - day)) return "yesterday";
    if (base !== token && sameDay(t, now + day)) return "tomorrow";
    return dates[base].format(t);
  });
}

// clock is the sandbox's time; app.js moves it.
export const clock = { now: 0 };

// tickTimes writes the remaining time into every element that counts down.
export function tickTimes(root) {
  for (const el of root.querySelectorAll("[data-until]")) {
    const left = Number(el.dataset.until) - clock.now;
    if (el.tagName === "PROGRESS") el.value = Math.max(0, left);
    else el.textContent = left > 0 ? `${el.dataset.before || ""}${span(left)}${el.dataset.after || ""}` : el.dataset.over || "";
  }
}
