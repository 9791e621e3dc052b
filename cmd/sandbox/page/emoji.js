// The emoji names that the page knows; others stay as they were typed.
export const emoji = {
  "+1": "👍", "-1": "👎", alarm_clock: "⏰", arrow_right: "➡️", ballot_box_with_check: "☑️", bell: "🔔", black_circle: "⚫",
  bust_in_silhouette: "👤", busts_in_silhouette: "👥", calendar: "📅", checkered_flag: "🏁", clipboard: "📋", clock1: "🕐", clock3: "🕒",
  closed_lock_with_key: "🔐", construction: "🚧", cloud: "☁️", computer: "💻", email: "📧", eyes: "👀", fire: "🔥", gear: "⚙️",
  globe_with_meridians: "🌐", green_circle: "🟢", hammer_and_wrench: "🛠️", heavy_check_mark: "✔️", hourglass: "⌛", hourglass_flowing_sand: "⏳",
  information_source: "ℹ️", key: "🔑", large_blue_circle: "🔵", large_green_circle: "🟢", large_orange_circle: "🟠", large_red_square: "🟥",
  large_yellow_circle: "🟡", link: "🔗", lock: "🔒", mag: "🔍", mega: "📣", memo: "📝", no_entry: "⛔", no_entry_sign: "🚫",
  octagonal_sign: "🛑", ok_hand: "👌", old_key: "🗝️", pencil: "📝", person_in_tuxedo: "🤵", pray: "🙏", question: "❓", raised_hand: "✋",
  red_circle: "🔴", repeat: "🔁", rocket: "🚀", rotating_light: "🚨", scissors: "✂️", shield: "🛡️", snowflake: "❄️", sparkles: "✨", speech_balloon: "💬",
  stopwatch: "⏱️", tada: "🎉", thumbsdown: "👎", thumbsup: "👍", ticket: "🎫", timer_clock: "⏲️", unlock: "🔓", warning: "⚠️", wastebasket: "🗑️",
  wave: "👋", white_check_mark: "✅", white_circle: "⚪", x: "❌", yellow_circle: "🟡", zap: "⚡",
};
