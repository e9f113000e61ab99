// The leaderboard: verified results, each with its interval on one scale.

import { el, number, svg, unitWord, words } from "./dom.js";

const WIDTH = 220;
const HEIGHT = 22;

/** Draws `board`, the document of `alphalab leaderboard --json`. */
export function drawLeaderboard(root, board) {
  const parts = [];
  if (board.rows.length === 0) {
    parts.push(el("p", { class: "empty" }, "No verified result yet. Only what was measured again in a fresh process is ranked."));
  } else {
    parts.push(drawTable(board), drawSummary(board));
  }
  if (board.unverified.length > 0) {
    const items = board.unverified.map((task) => el("li", {}, el("b", {}, task.task), `: ${task.reason}`));
    parts.push(el("details", {}, el("summary", {}, `${items.length} without a verified result`), el("ul", {}, ...items)));
  }
  root.replaceChildren(...parts);
}

function drawTable(board) {
  const scale = scaleOf(board);
  const several = new Set(board.rows.map((row) => row.model)).size > 1;
  const better = board.direction === "minimise" ? "lower is better" : "higher is better";
  const head = el(
    "tr",
    {},
    el("th", { class: "num" }, "#"),
    el("th", {}, "task"),
    el("th", { class: "extra" }, "experiment"),
    several ? el("th", {}, "model") : null,
    el("th", { class: "num", title: better }, `${board.metric}${unitWord(board.unit)}`),
    el("th", {}, "95% interval", el("span", { class: "note" }, scale.log ? ", log scale" : "")),
    el("th", { class: "num extra" }, "n"),
    el("th", {}, "standing"),
    el("th", { class: "num extra" }, "cost"),
  );
  const rows = board.rows.map((row) =>
    el(
      "tr",
      {},
      el("td", { class: "num" }, row.rank),
      el("td", {}, row.task),
      el("td", { class: "extra" }, el("span", { class: "id" }, row.experiment), ` ${row.name}`),
      several ? el("td", {}, row.model) : null,
      el("td", { class: "num" }, el("b", {}, number(row.value)), row.simulated ? el("span", { class: "note" }, " simulated") : null),
      el("td", {}, drawInterval(row, board, scale)),
      el("td", { class: "num extra" }, row.n),
      el("td", {}, standing(row)),
      el("td", { class: "num extra" }, row.cost_usd > 0 ? `$${row.cost_usd.toFixed(2)}` : "–"),
    ),
  );
  return el("div", { class: "wide" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
}

function standing(row) {
  const parts = [];
  if (row.standing) parts.push(el("span", { class: `standing ${row.standing}` }, words(row.standing)));
  for (const caveat of row.caveats ?? []) parts.push(el("span", { class: "note", title: caveat }, ` ⚠ ${caveat}`));
  return el("span", {}, ...parts);
}

/** One scale for all rows, with room for the baseline. */
function scaleOf(board) {
  const values = board.rows.flatMap((row) => [row.value, ...(row.ci ?? [])]);
  if (Number.isFinite(board.baseline?.value)) values.push(board.baseline.value);
  const lo = Math.min(...values);
  const hi = Math.max(...values);
  const log = lo > 0 && hi / lo > 8;
  const map = log ? Math.log : (value) => value;
  const span = map(hi) - map(lo) || 1;
  const at = (value) => 6 + ((map(value) - map(lo)) / span) * (WIDTH - 12);
  return { at, log };
}

function drawInterval(row, board, scale) {
  const middle = HEIGHT / 2;
  const value = scale.at(row.value);
  const marks = [];
  if (Number.isFinite(board.baseline?.value)) {
    const x = scale.at(board.baseline.value);
    marks.push(svg("line", { class: "baseline", x1: x, x2: x, y1: 0, y2: HEIGHT }));
  }
  let label = `${number(row.value)}`;
  if (row.ci) {
    const [from, to] = row.ci.map(scale.at);
    marks.push(svg("line", { class: "interval", x1: from, x2: Math.max(to, from + 1), y1: middle, y2: middle }));
    for (const x of [from, to]) marks.push(svg("line", { class: "end", x1: x, x2: x, y1: middle - 4, y2: middle + 4 }));
    label += ` [${number(row.ci[0])}, ${number(row.ci[1])}]`;
  }
  marks.push(svg("circle", { class: `point ${row.standing ?? ""}`, cx: value, cy: middle, r: 3.5 }));
  const attributes = { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": label };
  return el("span", { class: "interval-cell" }, svg("svg", attributes, svg("title", {}, label), ...marks), el("span", { class: "note" }, label.slice(number(row.value).length)));
}

function drawSummary(board) {
  const s = board.summary;
  const parts = [`${s.verified} of ${s.tasks} tasks verified`];
  if (board.simulated) parts.push("SIMULATED: costs of a model, no times, no baseline");
  if (s.won !== null) parts.push(`${s.won} won`, `${s.lost} lost`);
  if (s.geomean !== null) parts.push(`geometric mean ${number(s.geomean)}`);
  if (board.baseline) {
    const value = Number.isFinite(board.baseline.value) ? ` at ${number(board.baseline.value)}` : "";
    parts.push(`the line is the baseline${value}: ${board.baseline.name}`);
  }
  return el("p", { class: "facts" }, parts.join(" · "));
}
