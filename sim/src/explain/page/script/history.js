// The picture of operations that have no order: one below the other, each as long as it lasted, the impossible ones marked.

const ROWS_MAX = 14;
const ROW = 38;
const WIDTH = { small: 540, large: 900 };
const NAMES = 116;

/// The operations of a picture: those that cannot be, what contradicts them, what overlaps them, and what came just before.
function chosen({ part, order, stuck }) {
  const list = new Set(stuck);
  const add = (ids) => ids.forEach((id) => { if (list.size < ROWS_MAX) list.add(id); });
  const contradicted = stuck.map((id) => contradiction(id, part)).filter(Boolean);
  add(contradicted.flatMap(({ newer, written }) => [newer, written]).filter((id) => id !== undefined && id !== null));
  add(order.slice(-4));
  const overlaps = (id) => stuck.some((other) => operations[id].from <= operationEnd(operations[other]) && operationEnd(operations[id]) >= operations[other].from);
  add(part.filter(overlaps));
  return { ids: [...list].sort((a, b) => operations[a].from - operations[b].from), contradicted };
}

/// What makes the answer of an operation impossible, where it can be said in a sentence: it had been answered before this was
/// asked, and tells of something newer.
function contradiction(id, part) {
  const told = operations[id];
  if (told.outcome !== "read" || told.content === null) return null;
  let newer = null;
  for (const other of part) {
    const bar = operations[other];
    if (bar.to === null || bar.to >= told.from || bar.content === null || bar.content <= told.content) continue;
    if (newer === null || bar.content > operations[newer].content) newer = other;
  }
  if (newer === null) return null;
  const written = part.find((other) => operations[other].outcome === "wrote" && operations[other].content === operations[newer].content) ?? null;
  return { id, newer, written };
}

function contradictionInWords({ id, newer }) {
  const [told, before] = [operations[id], operations[newer]];
  const gap = exactTime(told.from - before.to);
  const what = before.outcome === "wrote" ? "had its write acknowledged" : "was told";
  const shown = told.content === 0 ? "nothing" : `revision ${told.content}`;
  return `${capital(laneName(before.lane))} ${what} of revision ${before.content} of ${told.key} (${before.asked}). ` +
    `${gap} later ${laneName(told.lane)} asked, and was shown ${shown}: older than what somebody already knew. No order of the operations explains that.`;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

function pictureOf(history) {
  const { ids, contradicted } = chosen(history);
  const words = contradicted.length ? [contradictionInWords(contradicted[0])]
    : [history.order.length ? `${history.order.length} operations can be put in an order; then each of the marked ones leads nowhere.` : "The marked operations contradict each other."];
  const open = () => {
    const dialog = $("picture");
    const large = drawPicture(history, ids, contradicted, WIDTH.large);
    large.querySelectorAll("[data-operation]").forEach((row) => row.addEventListener("click", () => {
      dialog.close();
      select({ type: "operation", id: Number(row.dataset.operation) }, { move: true, spanMax: 2e8 });
    }));
    dialog.replaceChildren(make("h2", {}, `${D.broken.rule}: ${D.broken.statement}`), make("p", {}, words[0]), large,
      make("p", { class: "facts" }, "Click an operation to see it among all that happened. Esc closes."));
    dialog.showModal();
  };
  return make("div", {},
    ...words.map((text) => make("p", {}, text)),
    make("button", { class: "picture", type: "button", title: "Enlarge", "aria-label": "Enlarge the picture of the operations", onclick: open },
      drawPicture(history, ids, contradicted, WIDTH.small)));
}

function drawPicture({ order, stuck }, ids, contradicted, width) {
  const seen = [...stuck, ...contradicted.flatMap(({ newer, written }) => [newer, written])].filter((id) => id !== null).map((id) => operations[id]);
  const [first, last] = [Math.min(...seen.map((bar) => bar.from)), Math.max(...seen.map((bar) => bar.to ?? bar.from))];
  const margin = Math.max((last - first) * 0.08, 1e5);
  const [from, to] = [Math.max(0, first - margin), Math.min(D.end, last + margin)];
  const x = (time) => NAMES + Math.min(1, Math.max(0, (time - from) / (to - from))) * (width - NAMES - 10);
  const height = ids.length * ROW + 34;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  svg.append(shape("title", {}, "Operations by time; the impossible ones are marked"));
  const lines = shape("g", {});
  stuck.filter((id) => ids.includes(id)).forEach((id) => svg.append(shape("rect", { x: 0, y: 3 + ids.indexOf(id) * ROW, width, height: ROW - 2, fill: "var(--broken-soft)", rx: 4 })));
  svg.append(lines);
  ids.forEach((id, row) => svg.append(operationShape(id, row, x, { from, to, width, number: order.indexOf(id), isStuck: stuck.includes(id), isWitness: contradicted.some((it) => it.newer === id) })));
  for (const { id, newer } of contradicted) lines.append(...precedence(newer, id, ids, x));
  svg.append(shape("line", { x1: NAMES, x2: width - 10, y1: height - 24, y2: height - 24, stroke: "var(--line)" }));
  for (const part of width === WIDTH.small ? [0, 1] : [0, 0.25, 0.5, 0.75, 1]) {
    const time = from + (to - from) * part;
    const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
    svg.append(shape("text", { x: x(time), y: height - 8, "text-anchor": anchor, fill: "var(--soft)", "font-size": 12 }, exactTime(time)));
  }
  return svg;
}

function operationShape(id, row, x, { from, to, width, number, isStuck, isWitness }) {
  const bar = operations[id];
  const y = 6 + row * ROW;
  const [x0, x1] = [x(bar.from), Math.max(x(operationEnd(bar)), x(bar.from) + 3)];
  const fill = isStuck ? "var(--broken)" : `var(--${OUTCOME_COLOUR[bar.outcome]})`;
  const group = shape("g", { "data-operation": id, style: "cursor:pointer" });
  
  const mark = isStuck ? "✖ " : number >= 0 ? `${number + 1}. ` : "";
  group.append(
    shape("text", { x: 6, y: y + 19, fill: isStuck ? "var(--broken)" : "var(--ink)", "font-size": 13, "font-weight": 600 }, laneName(bar.lane)),
    shape("rect", { x: x0, y: y + 16, width: x1 - x0, height: 11, rx: 3, fill, stroke: isWitness ? "var(--ink)" : "none", "stroke-width": 2 }));
  if (bar.from < from) group.append(shape("text", { x: x0 - 1, y: y + 26, fill: "var(--ink)", "font-size": 12 }, "◂"));
  if (operationEnd(bar) > to) group.append(shape("text", { x: x1 - 9, y: y + 26, fill: "var(--ink)", "font-size": 12 }, "▸"));
  const text = `${mark}${bar.asked} → ${bar.told}${isStuck ? "   cannot be" : ""}`;
  // On the side where there is more room.
  const isRight = x0 > NAMES + (width - NAMES) * 0.42;
  group.append(shape("text", { x: isRight ? x1 : x0, y: y + 12, "text-anchor": isRight ? "end" : "start", fill: isStuck ? "var(--broken)" : "var(--ink)", "font-size": 12.5, "font-weight": isStuck || isWitness ? 600 : 400,
    style: `paint-order:stroke;stroke:var(--${isStuck ? "broken-soft" : "paper"});stroke-width:4px` }, text));
  return group;
}

/// "It had ended before this one began": a line from the end of one to the beginning of the other, below the words.
function precedence(before, after, ids, x) {
  const y = (id) => 6 + ids.indexOf(id) * ROW + 21;
  const [x0, x1] = [x(operations[before].to), x(operations[after].from)];
  return [
    shape("path", { d: `M${x0},${y(before)} V${y(after)} H${x1}`, fill: "none", stroke: "var(--ink)", "stroke-width": 1.4, "stroke-dasharray": "4 3" }),
    shape("path", { d: `M${x1},${y(after)} l-7,-4 v8 z`, fill: "var(--ink)" }),
  ];
}

function shape(tag, attributes, text) {
  const element = document.createElementNS("http" + "://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
