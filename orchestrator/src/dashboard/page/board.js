// The board: one column per state that holds anything.

import { el, number, unitWord, words } from "./dom.js";

// What is over is shown last; of the rest, all columns that are on the way.
const QUIET = new Set(["failed", "cancelled"]);

/** Draws the columns of `state.board`; `unit` belongs to the metric. */
export function drawBoard(root, state) {
  const filled = state.board.filter((column) => column.count > 0);
  if (filled.length === 0) {
    root.replaceChildren(el("p", { class: "empty" }, empty(state)));
    return;
  }
  const unit = state.leaderboard.unit;
  root.replaceChildren(...filled.map((column) => drawColumn(column, unit)));
}

function empty(state) {
  const phase = state.status.phase;
  if (phase < 3) return `No experiments yet: phase ${phase} comes before them.`;
  return "No experiments yet.";
}

function drawColumn(column, unit) {
  const hidden = column.count - column.cards.length;
  return el(
    "section",
    { class: `column ${QUIET.has(column.state) ? "quiet" : ""}`, "data-state": column.state },
    el("h3", {}, words(column.state), el("span", { class: "count" }, column.count)),
    el(
      "div",
      { class: "cards" },
      ...column.cards.map((card) => drawCard(card, unit)),
      hidden > 0 ? el("p", { class: "empty" }, `and ${hidden} older`) : null,
    ),
  );
}

function drawCard(card, unit) {
  const failed = card.verdict !== null && card.verdict !== "ok";
  return el(
    "article",
    { class: `card ${failed ? "bad" : ""}` },
    el(
      "div",
      { class: "card-head" },
      el("a", { href: `#files/experiments/${encodeURIComponent(card.folder)}`, title: "its files" }, card.experiment),
      card.owner === null ? null : el("a", { class: "owner", href: `#agent/${card.owner}`, title: "its worker" }, `a${String(card.owner).padStart(4, "0")}`),
    ),
    el("p", { class: "task" }, card.task),
    el("p", { class: "name" }, card.name),
    el("p", { class: "hypothesis", title: card.hypothesis }, card.hypothesis),
    drawScore(card, unit),
    card.reason ? el("p", { class: "reason" }, card.reason) : null,
    card.fixes > 0 ? el("p", { class: "reason" }, `back to be fixed ${card.fixes}×`) : null,
  );
}

function drawScore(card, unit) {
  if (card.verdict === null) return null;
  if (card.value === null) {
    return el("p", { class: "verdict" }, card.why ? `${words(card.verdict)}: ${card.why}` : words(card.verdict));
  }
  const ci = card.ci ? ` [${number(card.ci[0])}, ${number(card.ci[1])}]` : "";
  return el(
    "p",
    { class: "score" },
    el("b", {}, number(card.value)),
    `${unitWord(unit)}${ci} `,
    el("span", { class: "split" }, `${card.split}, n ${card.n}`),
  );
}
