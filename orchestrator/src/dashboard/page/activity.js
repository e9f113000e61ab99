// What happens: a stream of events, the agents at work, and one agent's
// conversation.

import { by, clock, count, el, load, words } from "./dom.js";

// Lines that stay in the page; the log has all.
const KEPT = 400;
// Events that are fetched when the page is opened.
const BACK = 150;

const STATUS = { ok: "✓", failed: "✗", malformed: "✗", ends: "■" };

/** Follows the log from near its end; `on` is told what happens. */
export function follow(last, on) {
  const source = new EventSource(`/api/events?from=${Math.max(1, last - BACK)}`);
  source.addEventListener("open", () => on.link("live"));
  source.addEventListener("error", () => on.link(source.readyState === EventSource.CLOSED ? "ended" : "lost"));
  source.addEventListener("message", (message) => on.event(JSON.parse(message.data)));
  source.addEventListener("bye", () => {
    source.close();
    on.link("ended");
  });
  source.addEventListener("problem", (message) => {
    source.close();
    on.link("ended");
    on.problem(JSON.parse(message.data));
  });
}

/** Adds one event to the stream, if there is something to say. */
export function addEvent(event) {
  const line = drawEvent(event);
  if (line === null) return;
  const stream = by("stream");
  stream.append(line);
  while (stream.childElementCount > KEPT) stream.firstElementChild.remove();
  if (by("follow").checked) stream.scrollTop = stream.scrollHeight;
}

function drawEvent(event) {
  const talk = event.talk;
  if (event.line === null && !talk) return null;
  const parts = [el("time", { title: `event ${event.seq}` }, clock(event.at_ms))];
  if (talk) parts.push(agentLink(talk));
  if (event.line !== null) parts.push(el("span", { class: "line" }, event.line));
  if (talk) parts.push(...drawTalk(talk, 400));
  const kind = event.line === null ? "words" : "fact";
  return el("li", { class: `${kind} ${event.actor}`, "data-kind": event.kind }, ...parts);
}

function agentLink(talk) {
  const name = `${talk.role ?? "agent"} a${String(talk.agent).padStart(4, "0")}`;
  return el("a", { class: "who", href: `#agent/${talk.agent}` }, name);
}

/** What was said and done, long texts folded after `most` characters. */
function drawTalk(talk, most) {
  const parts = [];
  if (talk.prompt) parts.push(fold("its prompt", talk.prompt, 0));
  if (talk.note) parts.push(fold("the harness", talk.note, most));
  if (talk.said) parts.push(fold(null, talk.said, most));
  for (const call of talk.calls ?? []) {
    parts.push(fold(`→ ${call.tool}`, { ...call.arguments, text: pretty(call.arguments.text) }, most > 400 ? 600 : 0));
  }
  if (talk.answer) {
    const answer = talk.answer;
    const seen = answer.pictures?.length ? `, ${answer.pictures.length} pictures` : "";
    const title = `${STATUS[answer.status]} ${answer.tool ?? "answer"}${answer.status === "ok" ? "" : ` ${answer.status}`}${seen}`;
    parts.push(fold(title, { ...answer.text, text: pretty(answer.text.text) }, most > 400 ? 600 : 0));
  }
  return parts;
}

/** JSON on several lines; anything else as it is. */
function pretty(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

/** A text under a title; one that is longer than `most` is opened by a click. */
function fold(title, body, most) {
  const rest = body.of_bytes ? `\n… ${count(body.of_bytes)} bytes in all` : "";
  const text = el("pre", {}, body.text + rest);
  if (body.text.length <= most && !rest) {
    return title === null ? el("div", { class: "said" }, text) : el("div", { class: "call" }, el("span", { class: "tool" }, title), text);
  }
  const preview = body.text.replaceAll(/\s+/g, " ").slice(0, 90);
  const summary = el("summary", {}, title === null ? null : el("span", { class: "tool" }, title), el("span", { class: "preview" }, preview));
  return el("details", { class: title === null ? "said" : "call" }, summary, text);
}

/** Draws who is at work, and who was last; with their models, if there are
 * several. */
export function drawAgents(root, agents) {
  const several = new Set(agents.shown.map((agent) => agent.model)).size > 1;
  const live = agents.shown.filter((agent) => agent.live);
  const rest = agents.shown.filter((agent) => !agent.live).slice(0, Math.max(0, 6 - live.length));
  const lanes = [...live, ...rest].map((agent) => {
    const parts = [`${agent.turns} turns`];
    if (agent.usd > 0) parts.push(`$${agent.usd.toFixed(2)}`);
    if (agent.tokens > 0) parts.push(`${count(agent.tokens)} tokens`);
    const at = agent.task ? `${agent.experiment} ${agent.task}` : "";
    if (several) parts.unshift(agent.model);
    return el(
      "a",
      { class: `lane ${agent.live ? "live" : ""}`, href: `#agent/${agent.agent}`, title: "its conversation" },
      el("b", {}, `${agent.role} ${agent.name}`),
      el("span", {}, at),
      el("span", { class: "note" }, `${agent.live ? "at work" : words(agent.ending ?? "")}, ${parts.join(", ")}`),
    );
  });
  root.replaceChildren(...lanes);
}

/** Shows an agent's conversation in the place of the stream. */
export async function showAgent(id) {
  const root = by("talk");
  try {
    const page = await load(`/api/agents/${encodeURIComponent(id)}`);
    const agent = page.agent;
    const entries = el("ol", { class: "stream" }, ...page.entries.map(drawEntry));
    const facts = `${agent.turns} turns · ${count(agent.tokens)} tokens · $${agent.usd.toFixed(2)} · ${agent.live ? "at work" : agent.ending}`;
    const head = el(
      "div",
      { class: "head" },
      el("h3", {}, `${agent.role} ${agent.name}`),
      el("span", { class: "note" }, facts),
      el("button", { type: "button", onclick: () => showAgent(id) }, "again"),
      el("a", { href: "#activity" }, "close"),
    );
    root.replaceChildren(head, ...earlierButton(id, page.earlier, entries), entries);
    root.scrollTop = root.scrollHeight;
  } catch (error) {
    root.replaceChildren(el("p", { class: "empty" }, `${error.message} `, el("a", { href: "#activity" }, "close")));
  }
}

function earlierButton(id, earlier, entries) {
  if (earlier === null) return [];
  const button = el("button", { type: "button" }, "earlier");
  let before = earlier;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const page = await load(`/api/agents/${encodeURIComponent(id)}?before=${before}`);
      entries.prepend(...page.entries.map(drawEntry));
      before = page.earlier;
      if (before === null) button.remove();
    } finally {
      button.disabled = false;
    }
  });
  return [button];
}

function drawEntry(entry) {
  return el("li", {}, el("time", { title: `event ${entry.seq}` }, clock(entry.at_ms)), ...drawTalk(entry.talk, 4000));
}
