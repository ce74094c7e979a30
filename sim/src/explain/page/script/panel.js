// The side: what broke in words, details of what is selected, the legend.

const $ = (id) => document.getElementById(id);

/// An element with attributes and children; texts are never taken for markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function showTab(name) {
  for (const tab of document.querySelectorAll(".tabs button")) tab.setAttribute("aria-selected", tab.dataset.tab === name);
  for (const body of document.querySelectorAll(".tab")) body.classList.toggle("shown", body.id === name);
}

const laneName = (lane) => (lane === null || lane < 0 ? "the run" : D.lanes[lane].name);

function fillStory() {
  const story = $("story");
  document.querySelector('[data-tab="story"]').textContent = D.broken ? "What broke" : "The run";
  if (D.broken) story.append(...brokenInWords());
  else story.append(make("div", { class: "fine" }, make("b", {}, "Green"), make("div", {}, "Every rule held in every step, and the clients' history has an order.")));
  story.append(
    make("h3", {}, "The run"),
    make("p", {}, D.scenario),
    make("dl", {},
      ...pair("events", events.length.toLocaleString("en")),
      ...pair("messages", `${messages.length.toLocaleString("en")}, ${messages.isLost.filter(Boolean).length.toLocaleString("en")} lost`),
      ...pair("operations", operations.length.toLocaleString("en")),
      ...pair("simulated time", exactTime(D.end)),
      ...pair("trace hash", D.hash)),
    make("p", {}, "The same run again, in words:"),
    make("pre", {}, D.command),
    make("h3", {}, `Faults (${D.faults.length})`),
    make("ul", { class: "near" }, D.faults.map((fault, id) => listItem({ type: "fault", id }, fault.from, fault.words))),
    make("h3", {}, `Rare states that were reached (${D.probes.length})`),
    make("dl", {}, D.probes.flatMap(([name, statement]) => pair(name, statement))));
}

function brokenInWords() {
  const { rule, statement, source, detail, term, lanes, steps, history } = D.broken;
  const machines = lanes.length ? `It concerns ${[...new Set(lanes)].map(laneName).join(", ")}${term !== null ? `, in term ${term}` : ""}.` : "";
  // A statement that is told above need not be told again.
  const seen = detail.split(`; but ${statement}`)[0];
  return [
    make("div", { class: "rule" }, make("code", {}, rule), make("q", {}, `Rule: ${statement}.`), make("small", {}, `Source: ${source}`)),
    make("h3", {}, "What was seen instead"),
    history ? null : make("p", { class: "seen" }, seen),
    history ? pictureOf(history) : null,
    history ? make("details", {}, make("summary", {}, "In the words of the judge"), make("pre", {}, seen)) : null,
    make("p", {}, machines),
    make("h3", {}, "Events that matter, by time"),
    make("ol", { class: "steps" }, steps.map((step, place) => make("li", { class: step.is_break ? "break" : "" },
      make("button", { type: "button", "data-step": place, onclick: () => goToStep(place) },
        make("span", { class: "n" }, String(place + 1)),
        make("span", {}, step.words, make("span", { class: "when" }, `${exactTime(step.at)} · ${laneName(step.lane)}`)))))),
  ].filter(Boolean);
}

function goToStep(place) {
  select({ type: "event", id: steps[place].event }, { move: true, spanMax: Math.max(D.end / 40, 6e7) });
  showTab("story");
  for (const button of document.querySelectorAll("[data-step]")) button.classList.toggle("current", button.dataset.step === String(place));
}

function goToBreak() {
  if (!D.broken) return;
  const last = steps.findLastIndex((step) => step.is_break);
  const before = steps.filter((step) => !step.is_break);
  const first = (before.find((step) => step.at > D.broken.at - 4e8) ?? before.at(-1) ?? D.broken).at;
  const span = Math.max(6e7, (D.broken.at - first) * 1.5);
  view.goTo(D.broken.at - span * 0.84, D.broken.at + span * 0.16);
  showTab("story");
  if (last >= 0) {
    select({ type: "event", id: steps[last].event });
    showLane(selected);
    showTab("story");
  }
}

const pair = (name, value) => [make("dt", {}, name), make("dd", {}, value)];

function listItem(what, at, words, isCurrent = false) {
  return make("li", {}, make("button", { type: "button", class: isCurrent ? "current" : "", onclick: () => select(what, { move: true }) },
    make("span", {}, `${exactTime(at)} `), words));
}

function showDetails(what) {
  const body = { event: eventDetails, message: messageDetails, operation: operationDetails, fault: faultDetails }[what.type](what.id);
  $("details").replaceChildren(...body.filter(Boolean));
  showTab("details");
}

function eventDetails(id) {
  const [lane, at] = [events.lane[id], events.at[id]];
  const step = steps.find((step) => step.event === id);
  return [
    make("h2", {}, `${laneName(lane)}: ${D.kinds[events.kind[id]]}`),
    step ? make("div", { class: step.is_break ? "rule" : "fine" }, step.words) : null,
    make("p", {}, word(events.words[id])),
    make("dl", {}, ...pair("time", exactTime(at)), ...pair("event", `${id + 1} of ${events.length}`), ...stateAt(lane, at)),
    ...aroundInTime(at, lane),
    make("h3", {}, "Events around it, of all lanes"),
    make("ul", { class: "near" }, around(id, 7).map((near) => listItem({ type: "event", id: near }, events.at[near], `${laneName(events.lane[near])}: ${word(events.words[near])}`, near === id))),
  ];
}

/// What a node was at a time.
function stateAt(lane, at) {
  const node = lane >= 0 ? nodeOf[lane] : null;
  const role = node?.roles.find((band) => band.from <= at && at < band.to);
  if (!role) return [];
  return [
    ...pair("role", `${role.role} in term ${role.term}${role.voted ? `, voted for node ${role.voted}` : ""}`),
    ...pair("log", `to ${valueAt(node.log, "last", at)}, committed ${valueAt(node.log, "commit", at)}, applied ${valueAt(node.log, "applied", at)}`),
    ...pair("lease", node.leases.some(([from, to]) => from <= at && at < to) ? "held: may read by itself" : "none"),
  ];
}

function aroundInTime(at, lane) {
  const wrong = D.wrong.filter((it) => it.from <= at && at < it.to && (lane < 0 || it.lane === lane));
  if (!wrong.length) return [];
  return [make("h3", {}, "Wrong here at that time"), make("ul", { class: "near" }, wrong.map((it) => {
    const fault = it.fault === null ? undefined : faultOf.get(it.fault);
    const words = `${laneName(it.lane)}: ${it.words}`;
    return fault === undefined ? make("li", {}, words) : listItem({ type: "fault", id: fault }, it.from, words);
  }))];
}

const around = (id, many) => {
  const first = Math.max(0, Math.min(id - many, events.length - 2 * many - 1));
  return Array.from({ length: Math.min(2 * many + 1, events.length) }, (_, place) => first + place);
};

function messageDetails(id) {
  const [from, to, sent, arrived] = [messages.from[id], messages.to[id], messages.sent[id], messages.arrived[id]];
  const fate = messages.isLost[id] ? "lost: it never arrived" : arrived < 0 ? "under way when the run ended"
    : `arrived at ${exactTime(arrived)}, after ${exactTime(arrived - sent)}${messages.copies.has(id) ? " (a copy: it had arrived before)" : ""}`;
  const ends = [from, to].flatMap((lane) => D.wrong.filter((it) => it.lane === lane && it.from < sent + 1e6 && sent < it.to).map((it) => `${laneName(lane)}: ${it.words}`));
  const isDown = !livesOf[to].some(([, since, until]) => since <= sent && sent < until);
  return [
    make("h2", {}, `${laneName(from)} → ${laneName(to)}: ${D.message_kinds[messages.kind[id]]}`),
    make("p", {}, `“${word(messages.words[id])}”`),
    make("dl", {}, ...pair("term", String(messages.term[id])), ...pair("sent", exactTime(sent)), ...pair("fate", fate)),
    ends.length || isDown ? make("h3", {}, "Wrong at that time") : null,
    isDown ? make("p", {}, `${laneName(to)} was not running.`) : null,
    ...ends.map((words) => make("p", {}, words)),
    make("h3", {}, "The sender"), make("dl", {}, ...stateAt(from, sent)),
    arrived >= 0 ? make("h3", {}, "The receiver, when it arrived") : null,
    arrived >= 0 ? make("dl", {}, ...stateAt(to, arrived)) : null,
  ];
}

const OUTCOME_WORDS = { read: "read", wrote: "done", "did-not-happen": "did not happen", unknown: "nobody knows whether it happened", unanswered: "no answer" };

function operationDetails(id) {
  const bar = operations[id];
  const end = operationEnd(bar);
  const others = bar.key === null ? [] : operations.map((other, place) => ({ ...other, place }))
    .filter((other) => other.key === bar.key && other.from <= end && operationEnd(other) >= bar.from && other.place !== id);
  return [
    make("h2", {}, `${laneName(bar.lane)}: ${bar.asked}`),
    make("dl", {}, ...pair("answer", bar.told), ...pair("outcome", OUTCOME_WORDS[bar.outcome]), ...pair("asked", exactTime(bar.from)),
      ...pair("told", bar.to === null ? "never" : `${exactTime(bar.to)}, after ${exactTime(bar.to - bar.from)}`), ...pair("number", String(id))),
    bar.key ? make("h3", {}, `Others of ${bar.key} at the same time`) : null,
    others.length ? make("ul", { class: "near" }, others.slice(0, 40).map((other) => listItem({ type: "operation", id: other.place }, other.from, `${laneName(other.lane)}: ${other.asked} → ${other.told}`))) : null,
    bar.key && !others.length ? make("p", {}, "None.") : null,
  ];
}

function faultDetails(id) {
  const fault = D.faults[id];
  const wrong = D.wrong.filter((it) => it.fault === fault.number);
  return [
    make("h2", {}, `fault: ${fault.name}`),
    make("p", {}, fault.words),
    make("dl", {}, ...pair("struck", exactTime(fault.from)), ...pair("healed", `${exactTime(fault.to)}, after ${exactTime(fault.to - fault.from)}`)),
    wrong.length ? make("h3", {}, "What it made true") : null,
    ...wrong.map((it) => make("p", {}, make("b", {}, `${laneName(it.lane)}: `), it.words)),
  ];
}

const sample = (style) => make("i", { class: "sample", style });

function fillLegend() {
  const rows = (list) => make("dl", {}, list.flatMap(([key, words]) => [make("dt", {}, key), make("dd", {}, words)]));
  const fill = (name) => sample(`background:var(--${name})`);
  const striped = (name) => sample(`background:repeating-linear-gradient(45deg,var(--${name}) 0 3px,transparent 3px 6px);border:1px solid var(--line)`);
  const line = (name, style = "solid") => sample(`height:0;border-top:2px ${style} var(--${name});border-radius:0;vertical-align:4px`);
  const key = (...names) => names.map((name) => make("kbd", {}, name));
  $("legend").append(
    make("h3", {}, "Nodes"),
    rows([[fill("leader"), "★ leader"], [fill("candidate"), "candidate (hatched)"], [fill("pre-candidate"), "asks whether it could win"], [fill("follower"), "follower"],
      [sample("background:linear-gradient(90deg,hsl(267 48% 62%) 50%,hsl(334 48% 62%) 50%);height:5px"), "above it, the term: a tint for each"],
      [sample("background:var(--lease);height:3px"), "below it, the lease: may read by itself"], [striped("faint"), "no process"]]),
    make("h3", {}, "Progress"),
    rows([[fill("last"), "end of the log"], [line("commit"), "committed"], [line("applied", "dashed"), "applied"]]),
    make("h3", {}, "Messages"),
    rows([[line("vote"), "votes"], [line("append"), "entries"], [line("answer"), "their answers"], [line("heartbeat", "dotted"), "heartbeats and their answers"], [line("snapshot"), "snapshots"], [line("lost", "dashed"), "lost: it ends in a ✕"]]),
    make("p", {}, "An arrow begins when the core lets the message go, and ends when it arrives. Messages between nodes only; those of clients and proxies are seen as operations."),
    make("h3", {}, "Operations"),
    rows([[fill("read"), "read (a line below)"], [fill("wrote"), "written (a line above)"], [fill("no"), "did not happen"], [striped("unknown"), "may have happened"], [striped("unanswered"), "no answer"], [fill("last"), "several: zoom in"]]),
    make("h3", {}, "What is wrong with a lane"),
    rows(Object.entries(CLASS_WORDS).map(([kind, words]) => [striped(CLASS_COLOUR[kind]), words])),
    make("h3", {}, "Keys"),
    make("div", { class: "keys" }, ...[
      [key("V"), "to what broke"], [key("N", "P"), "next, previous event of the lane"], [key("J", "K"), "next, previous step of what broke"],
      [key("←", "→"), "pan"], [key("+", "−"), "zoom"], [key("↑", "↓"), "scroll"], [key("0"), "the whole run"], [key("/"), "search"], [key("Enter"), "next result"],
      [key("T"), "light or dark"], [key("Esc"), "select nothing"], [key("?"), "this page"]].flatMap(([keys, words]) => [make("span", {}, ...keys), make("span", {}, words)])),
    make("p", {}, "The wheel zooms where the pointer is; with Shift it pans, over the names of lanes it scrolls. Drag to pan. Double click: zoom in. Click a name: fold the lane."));
}
