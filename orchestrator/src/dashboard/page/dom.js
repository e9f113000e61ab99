// Elements, numbers and times. Data goes into a page as text and in no other
// way: nothing here takes markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with a class, properties and children; strings become text. */
export function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined).map(asNode));
  return node;
}

/** An SVG element with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children.map(asNode));
  return node;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** The element with this id. */
export const by = (id) => document.getElementById(id);

/** A count. */
export function count(value) {
  return Math.round(value).toLocaleString("en");
}

/** A measured number, with about four digits. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(2);
  return value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}

/** Seconds as a length of time. */
export function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min ${s % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The time of day, here. */
export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}

/** A size in bytes. */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** A unit as it is written after a number: a ratio has none. */
export const unitWord = (unit) => (unit === "ratio" || !unit ? "" : ` ${unit}`);

/** `to_implement` as `to implement`. */
export const words = (name) => String(name).replaceAll("_", " ");

/** A JSON document from this server; an error says what the server said. */
export async function load(path) {
  const response = await fetch(path);
  const isJson = (response.headers.get("content-type") ?? "").startsWith("application/json");
  if (!response.ok) {
    const said = isJson ? (await response.json()).error : await response.text();
    throw new Error(said || `the server answered ${response.status}`);
  }
  return response.json();
}
