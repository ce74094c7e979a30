// Search in events, messages and operations: every word must be there; "node 2" and "term 5" are understood as such.

const RESULTS_SHOWN_MAX = 300;
let results = [];
let current = -1;
let lowered = null;

/// Texts in lower case, made when they are first needed.
const loweredWords = () => (lowered ??= D.words.map((text) => text.toLowerCase()));

function search(text) {
  const query = text.trim().toLowerCase();
  [results, current] = [[], -1];
  if (query) {
    const lane = D.lanes.findIndex(({ name }) => new RegExp(`\\b${escaped(name)}\\b`).test(query));
    const rest = lane < 0 ? query : query.replace(D.lanes[lane].name, " ");
    const parts = termsKept(rest);
    const others = parts.some(isOfMessages) ? [] : [...eventsWith(lane, parts), ...operationsWith(lane, parts)];
    results = [...others, ...messagesWith(lane, parts)].sort((a, b) => a.at - b.at);
  }
  $("found").textContent = query ? `${results.length.toLocaleString("en")} found` : "";
  listResults(query);
  redraw();
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/// The words of a query; "term 5" is one, and so are the kinds of messages.
const termsKept = (text) => text.match(/term \d+|append answer|heartbeat answer|[^\s]+/g) ?? [];

/// Who asks for a kind of messages, or for lost ones, asks for messages.
const isOfMessages = (part) => part === "lost" || D.message_kinds.includes(part);

/// Places of words that have all parts. "term 5" is not found in "term 51".
function wordsWith(parts) {
  const tests = parts.map((part) => (/^term \d+$/.test(part) ? (text) => new RegExp(`${part}(?!\\d)`).test(text) : (text) => text.includes(part)));
  return loweredWords().map((text) => tests.every((test) => test(text)));
}

function eventsWith(lane, parts) {
  const fits = wordsWith(parts);
  const found = [];
  for (let id = 0; id < events.length; id++) {
    if ((lane < 0 || events.lane[id] === lane) && fits[events.words[id]]) found.push({ type: "event", id, at: events.at[id] });
  }
  return found;
}

function messagesWith(lane, parts) {
  const term = parts.find((part) => /^term \d+$/.test(part));
  const lost = parts.includes("lost");
  const kinds = new Set(parts.filter((part) => D.message_kinds.includes(part)));
  const rest = parts.filter((part) => part !== term && !isOfMessages(part));
  const fits = wordsWith(rest);
  const found = [];
  for (let id = 0; id < messages.length; id++) {
    if (lane >= 0 && messages.from[id] !== lane && messages.to[id] !== lane) continue;
    if (term && messages.term[id] !== Number(term.slice(5))) continue;
    if (lost && !messages.isLost[id]) continue;
    if (kinds.size && !kinds.has(D.message_kinds[messages.kind[id]])) continue;
    if (fits[messages.words[id]]) found.push({ type: "message", id, at: messages.sent[id] });
  }
  return found;
}

function operationsWith(lane, parts) {
  const found = [];
  operations.forEach((bar, id) => {
    if (lane >= 0 && bar.lane !== lane) return;
    const text = `${bar.asked} ${bar.told} ${bar.outcome}`.toLowerCase();
    if (parts.every((part) => text.includes(part))) found.push({ type: "operation", id, at: bar.from });
  });
  return found;
}

function resultInWords({ type, id }) {
  if (type === "event") return `${laneName(events.lane[id])}: ${word(events.words[id])}`;
  if (type === "message") return `${laneName(messages.from[id])} → ${laneName(messages.to[id])}: ${word(messages.words[id])}${messages.isLost[id] ? " (lost)" : ""}`;
  return `${laneName(operations[id].lane)}: ${operations[id].asked} → ${operations[id].told}`;
}

function listResults(query) {
  const rest = results.length - RESULTS_SHOWN_MAX;
  $("results").replaceChildren(
    query ? make("p", {}, `${results.length.toLocaleString("en")} found for “${query}”. `, make("kbd", {}, "Enter"), " goes to the next.")
      : make("p", {}, "Words that must all be there: of events, messages and operations. A machine (node 2) and a term (term 5) are understood; so are “lost” and kinds of messages. Examples: ", ...["leader", "vote lost", "node 1 term 2", "key-3", "unknown"].map((text) => make("button", { type: "button", class: "chip", onclick: () => { $("search").value = text; search(text); } }, text))),
    make("ul", { class: "near" }, results.slice(0, RESULTS_SHOWN_MAX).map((result, place) => make("li", {}, make("button", { type: "button", "data-result": place, onclick: () => goToResult(place) },
      make("span", {}, `${exactTime(result.at)} `), resultInWords(result))))),
    rest > 0 ? make("p", {}, `and ${rest.toLocaleString("en")} more, marked in the timeline`) : "");
}

function goToResult(place) {
  if (!results.length) return;
  current = (place + results.length) % results.length;
  const { type, id } = results[current];
  select({ type, id }, { move: true, spanMax: D.end / 20 });
  $("found").textContent = `${current + 1} of ${results.length.toLocaleString("en")}`;
}

/// Results are small triangles above the lanes.
function drawResults() {
  if (!results.length) return;
  markPen.fillStyle = colour.focus;
  let last = -Infinity;
  for (let place = firstFrom(view.from); place < results.length && results[place].at <= view.to; place++) {
    const x = view.x(results[place].at);
    if (x - last < 3) continue;
    last = x;
    markPen.beginPath();
    markPen.moveTo(x - 4, headHeight() - 8);
    markPen.lineTo(x + 4, headHeight() - 8);
    markPen.lineTo(x, headHeight() - 1);
    markPen.fill();
  }
}

function firstFrom(time) {
  let [low, high] = [0, results.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (results[middle].at < time) low = middle + 1; else high = middle;
  }
  return low;
}
