// The campaign's files: folders as lists, texts as text, pictures as pictures.

import { count, el, size } from "./dom.js";

/** Shows what is at `path`, as it stands in the address. */
export async function showFiles(root, path) {
  const crumbs = drawCrumbs(path);
  try {
    const response = await fetch(`/api/files/${path}`);
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok) {
      const said = type.startsWith("application/json") ? (await response.json()).error : await response.text();
      root.replaceChildren(crumbs, el("p", { class: "empty" }, said));
    } else if (type.startsWith("application/json")) {
      root.replaceChildren(crumbs, drawFolder(await response.json()));
    } else if (type.startsWith("image/")) {
      root.replaceChildren(crumbs, el("img", { class: "picture", src: `/api/files/${path}`, alt: "a picture from the campaign" }));
    } else {
      const whole = response.headers.get("x-alphalab-of-bytes");
      const rest = whole === null ? null : el("p", { class: "empty" }, `only the beginning: the file has ${size(Number(whole))}`);
      root.replaceChildren(...[crumbs, el("pre", { class: "viewer" }, await response.text()), rest].filter(Boolean));
    }
  } catch (error) {
    root.replaceChildren(crumbs, el("p", { class: "empty" }, error.message));
  }
}

function drawCrumbs(path) {
  const crumbs = [el("a", { href: "#files" }, "campaign")];
  const names = path.split("/").filter((name) => name !== "");
  names.forEach((name, place) => {
    crumbs.push(" / ", el("a", { href: `#files/${names.slice(0, place + 1).join("/")}` }, readable(name)));
  });
  return el("p", { class: "crumbs" }, ...crumbs);
}

/** A name as it reads; one that is no text stays encoded. */
function readable(name) {
  try {
    return decodeURIComponent(name).replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  } catch {
    return name;
  }
}

const SIGN = { folder: "▸ ", file: "", link: "↪ ", other: "? " };

function drawFolder(folder) {
  const rows = folder.entries.map((entry) =>
    el(
      "tr",
      {},
      el("td", {}, SIGN[entry.kind], el("a", { href: `#files/${entry.href}` }, entry.name + (entry.kind === "folder" ? "/" : ""))),
      el("td", { class: "num note" }, entry.bytes === null ? "" : size(entry.bytes)),
      el("td", { class: "num note" }, entry.modified_s === null ? "" : new Date(entry.modified_s * 1000).toLocaleString("en-GB")),
    ),
  );
  if (rows.length === 0) return el("p", { class: "empty" }, "An empty folder.");
  const more = folder.left_out > 0 ? el("p", { class: "empty" }, `and ${folder.at_least ? "at least " : ""}${count(folder.left_out)} more`) : null;
  return el("div", { class: "wide" }, el("table", { class: "listing" }, el("tbody", {}, ...rows)), more);
}
