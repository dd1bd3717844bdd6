// Time zones other than UTC.

import { native } from "facetbox:base";

const { zone, zone_at: at } = native.late("zones");

const OFFSET = /^([+-])([01]\d|2[0-3])(?::?([0-5]\d))?$/;

// The names of zones of North America, whose short names English has; a zone's own name says which it is of.
const AMERICAN = {
  Eastern: ["America/New_York", "America/Detroit", "America/Toronto", "US/Eastern", "America/Indiana/Indianapolis", "America/Montreal"],
  Central: ["America/Chicago", "America/Winnipeg", "US/Central", "America/Indiana/Knox", "America/Menominee"],
  Mountain: ["America/Denver", "America/Phoenix", "America/Boise", "America/Edmonton", "US/Mountain", "US/Arizona"],
  Pacific: ["America/Los_Angeles", "America/Vancouver", "America/Tijuana", "US/Pacific"],
  Alaska: ["America/Anchorage", "America/Juneau", "US/Alaska"],
};

// Names in full: standard time, daylight saving time, either.
const LONG = {
  "Europe/London": ["Greenwich Mean Time", "British Summer Time", "United Kingdom Time"],
  "Asia/Tokyo": ["Japan Standard Time"],
  "Asia/Kolkata": ["India Standard Time"],
  "Asia/Calcutta": ["India Standard Time"],
  "Asia/Shanghai": ["China Standard Time", "", "China Time"],
  "Asia/Singapore": ["Singapore Standard Time"],
  "Asia/Seoul": ["Korean Standard Time", "", "Korean Time"],
  "Asia/Dubai": ["Gulf Standard Time"],
  "Australia/Sydney": ["Australian Eastern Standard Time", "Australian Eastern Daylight Time", "Eastern Australia Time"],
  "Australia/Melbourne": ["Australian Eastern Standard Time", "Australian Eastern Daylight Time", "Eastern Australia Time"],
  "America/Sao_Paulo": ["Brasilia Standard Time", "", "Brasilia Time"],
  "Europe/Moscow": ["Moscow Standard Time", "", "Moscow Time"],
  "Pacific/Auckland": ["New Zealand Standard Time", "New Zealand Daylight Time", "New Zealand Time"],
  "Pacific/Honolulu": ["Hawaii-Aleutian Standard Time", "", "Hawaii-Aleutian Time"],
};

/** Zones of Europe whose names tell their offset. */
const EUROPEAN = { 0: "Western European", 3600: "Central European", 7200: "Eastern European" };

/** The name of a zone as its database has it; refuses what is none. */
export function check(name) {
  const offset = OFFSET.exec(name);
  if (offset !== null) return `${offset[1]}${offset[2]}:${offset[3] ?? "00"}`;
  const known = zone(name);
  if (known === undefined) throw new RangeError(`Invalid time zone specified: ${name}`);
  return known;
}

function stateAt(name, time) {
  const offset = OFFSET.exec(name);
  if (offset === null) return at(name, time);
  const seconds = (Number(offset[2]) * 60 + Number(offset[3])) * 60;
  return [offset[1] === "-" ? -seconds : seconds, false];
}

/** How many seconds a zone is ahead of UTC. */
export const offsetAt = (name, time) => (Number.isFinite(time) ? stateAt(name, time)[0] : 0);

function offsetName(seconds, isLong) {
  const whole = Math.abs(seconds);
  const [hours, minutes, rest] = [whole / 3_600, (whole / 60) % 60, whole % 60].map((part) => `${Math.trunc(part)}`.padStart(2, "0"));
  const isWhole = minutes === "00" && rest === "00";
  const shown = isLong ? `${hours}:${minutes}` : `${Number(hours)}${isWhole ? "" : `:${minutes}`}`;
  return `GMT${seconds < 0 ? "-" : "+"}${shown}${rest === "00" ? "" : `:${rest}`}`;
}

const americanOf = (name) => Object.keys(AMERICAN).find((key) => AMERICAN[key].includes(name));

function shortName(name, isDaylight, isGeneric) {
  const american = americanOf(name);
  if (american !== undefined) return `${american === "Alaska" ? "AK" : american[0]}${isGeneric ? "" : isDaylight ? "D" : "S"}T`;
  return name === "Pacific/Honolulu" ? "HST" : undefined;
}

function longName(name, seconds, isDaylight, isGeneric) {
  const which = isGeneric ? 2 : isDaylight ? 1 : 0;
  const own = LONG[name];
  if (own !== undefined) return own[which] || own[0];
  const american = americanOf(name);
  if (american !== undefined) return `${american} ${["Standard ", "Daylight ", ""][which]}Time`;
  const european = name.startsWith("Europe/") && EUROPEAN[seconds - (isDaylight ? 3_600 : 0)];
  return european ? `${european} ${["Standard ", "Summer ", ""][which]}Time` : undefined;
}

/** How a zone is called at a time. */
export function nameAt(name, time, width) {
  const [seconds, isDaylight] = stateAt(name, time);
  const isLong = width.startsWith("long");
  if (width.endsWith("Offset")) return offsetName(seconds, isLong);
  const isGeneric = width.endsWith("Generic");
  if (seconds % 60 !== 0) return offsetName(seconds, isLong); // from before there were zones
  const own = isLong ? longName(name, seconds, isDaylight, isGeneric) : shortName(name, isDaylight, isGeneric);
  return own ?? (seconds === 0 ? "GMT" : offsetName(seconds, isLong));
}
