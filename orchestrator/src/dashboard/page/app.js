// The page: the state as a snapshot, renewed as events come in, and views that
// have an address each.

import { addEvent, drawAgents, follow, showAgent } from "./activity.js";
import { drawBoard } from "./board.js";
import { by, count, duration, el, load, words } from "./dom.js";
import { showFiles } from "./files.js";
import { drawLeaderboard } from "./leaderboard.js";

// Time between two snapshots, in milliseconds: those of a large campaign cost
// something.
const PAUSE_MS = 1000;

const PHASES = ["adapter", "exploration", "evaluation", "experiments"];
const LINKS = {
  connecting: "connecting",
  live: "connected",
  lost: "connection lost, trying again",
  ended: "not connected any more",
};

let state = null;
let dirty = false;
let drawing = false;
let link = "connecting";

// The token has done its work; it shall not stay in the address.
if (location.search !== "") history.replaceState(null, "", `/${location.hash}`);

function budgetBar(name, ledger, show, title) {
  const used = ledger.spent + ledger.reserved + ledger.unsettled;
  if (ledger.limit === null && used === 0) return null;
  const of = ledger.limit === null ? "" : ` of ${show(ledger.limit)}`;
  const bar = ledger.limit === null ? null : el("progress", { max: ledger.limit, value: Math.min(ledger.spent + ledger.unsettled, ledger.limit), "aria-label": name });
  const more = ledger.reserved > 0 ? el("span", { class: "note" }, ` +${show(ledger.reserved)} reserved`) : null;
  return el("div", { class: "ledger", title }, el("span", { class: "ledger-name" }, name), bar, el("span", {}, `${show(ledger.spent + ledger.unsettled)}${of}`, more));
}

function drawHeader() {
  const status = state.status;
  document.title = `${state.objective ?? "AlphaLab"} · AlphaLab`;
  by("objective").textContent = state.objective ?? "";
  const badge = by("state");
  badge.textContent = status.waits_for ? "waiting" : status.state;
  badge.className = `badge ${status.state}`;
  by("phase").textContent = `phase ${status.phase} of ${state.until ?? 3}: ${PHASES[status.phase] ?? ""}${status.stage ? `, ${words(status.stage)}` : ""}`;
  const facts = [status.simulated ? "SIMULATED device" : null, state.adapter, state.model, `${count(status.events)} events`, `${count(status.tries)} quick looks`, state.dir];
  by("facts").textContent = facts.filter(Boolean).join(" · ");
  const b = status.budget;
  const money = (value) => `$${value.toFixed(2)}`;
  const bars = [
    budgetBar("experiments", b.experiments, count, "evaluated experiments"),
    budgetBar("time", b.wall_s, duration, "running time"),
    budgetBar("dollars", b.usd, money, "paid to models"),
    budgetBar("tokens", b.tokens, count, "in and out"),
    budgetBar("GPU hours", b.gpu_h, count, "on GPUs"),
  ];
  by("budget").replaceChildren(...bars.filter(Boolean));
  if (status.waits_for) notice(`waiting: ${status.waits_for}`);
  else if (by("notice").dataset.kind === "waits") notice(null);
}

function notice(text, kind = "waits") {
  const node = by("notice");
  node.hidden = text === null;
  node.textContent = text ?? "";
  node.dataset.kind = kind;
}

function showLink() {
  const node = by("link");
  node.className = `link ${link}`;
  const since = state?.last_event_ms ? Math.max(0, (Date.now() - state.last_event_ms) / 1000) : null;
  const quiet = since === null ? "" : `, last event ${duration(since)} ago`;
  node.textContent = LINKS[link] + (link === "live" || link === "ended" ? quiet : "");
}

async function renew() {
  if (drawing) return;
  drawing = true;
  try {
    while (dirty) {
      dirty = false;
      state = await load("/api/state");
      drawHeader();
      drawBoard(document.querySelector("#board .columns"), state);
      drawLeaderboard(document.querySelector("#leaderboard .content"), state.leaderboard);
      drawAgents(by("agents"), state.agents);
      showLink();
      await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  } catch (error) {
    if (link === "live") notice(error.message, "error");
  } finally {
    drawing = false;
  }
}

function route() {
  const [view, ...rest] = (location.hash.slice(1) || "board").split("/");
  const shown = view === "agent" ? "activity" : view;
  document.body.dataset.view = shown;
  for (const tab of by("tabs").children) {
    if (tab.hash === `#${shown}`) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  const talk = by("talk");
  talk.hidden = view !== "agent";
  by("stream").hidden = view === "agent";
  if (view === "agent") showAgent(rest.join("/"));
  if (view === "files") showFiles(document.querySelector("#files .content"), rest.join("/"));
}

async function start() {
  route();
  addEventListener("hashchange", route);
  by("words").addEventListener("change", (event) => {
    by("stream").classList.toggle("facts-only", !event.target.checked);
  });
  setInterval(showLink, 1000);
  try {
    state = await load("/api/state");
  } catch (error) {
    notice(error.message, "error");
    return;
  }
  dirty = true;
  renew();
  if (document.body.dataset.view !== "files") showFiles(document.querySelector("#files .content"), "");
  follow(state.status.events, {
    link(now) {
      link = now;
      showLink();
      if (now === "ended") notice("The process that showed this has ended. `alphalab serve` shows the campaign again.", "ended");
    },
    event(event) {
      addEvent(event);
      if (state !== null) state.last_event_ms = Math.max(state.last_event_ms ?? 0, event.at_ms);
      dirty = true;
      renew();
    },
    problem(text) {
      notice(text, "error");
    },
  });
}

start();
