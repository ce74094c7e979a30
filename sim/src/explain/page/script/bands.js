// The lanes: processes, terms, roles, leases, progress, what is wrong, events; operations as bars.

const isInSight = ({ y, height }) => y - view.scroll <= view.height && y - view.scroll + height >= headHeight();

function drawGround(place) {
  if (D.lanes[place.id].kind !== "node" || !isInSight(place)) return;
  pen.fillStyle = colour.lane;
  pen.fillRect(LABELS_WIDTH, place.y - view.scroll, view.width, place.height);
}

function drawLane(place) {
  if (!isInSight(place)) return;
  const { id, y, height, isFolded } = place;
  const top = y - view.scroll;
  const { kind } = D.lanes[id];
  pen.fillStyle = colour.line;
  pen.fillRect(LABELS_WIDTH, top + height - 1, view.width, 1);
  if (isFolded) return;
  if (kind === "node") drawNode(id, top);
  else if (kind === "proxy") drawProcess(id, top + 5, 8);
  drawWrong(id, top, height);
  if (kind !== "node") drawOperations(id, top + 4);
  const ticks = kind === "node" ? top + NODE.height : top + height - 10;
  if (kind === "node" || kind === "proxy") drawTicks(id, ticks, NODE.ticks);
}

/// Where a process runs; a gap has a word of how it ended.
function drawProcess(lane, y, height) {
  const lives = livesOf[lane];
  lives.forEach(([, from, to, ended], place) => {
    const [x0, x1] = [view.x(from), view.x(to)];
    if (x1 < LABELS_WIDTH || x0 > view.width) return;
    pen.fillStyle = colour.follower;
    pen.fillRect(x0, y, Math.max(x1 - x0, 1), height);
    drawGap(x1, view.x(lives[place + 1]?.[1] ?? D.end), y, height, ended);
  });
}

function drawGap(x0, x1, y, height, ended) {
  if (!ended) return;
  [x0, x1] = [Math.max(x0, LABELS_WIDTH - 4), Math.min(x1, view.width + 4)];
  if (x1 <= x0) return;
  pen.fillStyle = colour.gone;
  pen.fillRect(x0, y, x1 - x0, height);
  pen.fillStyle = hatch.gone;
  pen.fillRect(x0, y, x1 - x0, height);
  const words = ended === "ended" ? "ended" : `down: ${ended}`;
  if (height > 14 && x1 - x0 > 6 * words.length + 12) {
    pen.fillStyle = colour.gone;
    pen.fillRect(x0 + 4, y + 2, 6 * words.length + 8, height - 4);
    label(words, x0 + 8, y + height / 2, x1 - x0 - 8, colour.soft);
  }
}

function drawNode(lane, top) {
  const roleTop = top + 6 + NODE.terms;
  const lives = livesOf[lane];
  lives.forEach(([, , to, ended], place) => drawGap(view.x(to), view.x(lives[place + 1]?.[1] ?? D.end), roleTop, NODE.role, ended));
  const node = nodeOf[lane];
  if (!node) return;
  drawRoles(node.roles, top + 5, roleTop);
  pen.fillStyle = colour.lease;
  for (const [from, to] of node.leases) {
    const [x0, x1] = [view.x(from), view.x(to)];
    if (x1 >= LABELS_WIDTH && x0 <= view.width) pen.fillRect(x0, roleTop + NODE.role + 1, Math.max(x1 - x0, 1), 3);
  }
  if (!hidden.parts.has("progress")) drawProgress(node.log, top + 38, NODE.curve);
}

function drawRoles(roles, termsTop, roleTop) {
  let drawn = -Infinity;
  for (const band of roles) {
    const [x0, x1] = [Math.max(view.x(band.from), LABELS_WIDTH - 4), Math.min(view.x(band.to), view.width + 4)];
    if (x1 < LABELS_WIDTH || x0 > view.width) continue;
    if (x1 < drawn) continue;
    const width = Math.max(x1 - x0, 1);
    drawn = x0 + 1;
    pen.fillStyle = termTint(band.term);
    pen.fillRect(x0, termsTop, width, NODE.terms);
    pen.fillStyle = colour[band.role] ?? colour.follower;
    pen.fillRect(x0, roleTop, width, NODE.role);
    if (band.role === "candidate") {
      pen.fillStyle = hatch.candidate;
      pen.fillRect(x0, roleTop, width, NODE.role);
    }
    pen.fillStyle = colour.lane;
    pen.fillRect(x0, roleTop, 1, NODE.role);
    const words = `${band.role === "leader" ? "★ leader" : band.role} · term ${band.term}`;
    const short = `${band.role === "leader" ? "★ " : ""}t${band.term}`;
    const left = Math.max(x0, LABELS_WIDTH) + 5;
    label(x1 - left > words.length * 6.2 + 3 ? words : short, left, roleTop + NODE.role / 2 + 0.5, x1 - left - 1, colour[`on-${band.role}`] ?? colour.ink);
  }
}

/// What holds at a time, of values that hold from each time on.
function valueAt(log, column, time) {
  const place = lower(log.at, time + 1) - 1;
  return place < 0 ? 0 : log[column][place];
}

/// The range of indexes in sight, for all nodes alike: so their curves can be compared. It is the same for a whole frame.
let range = null;

function progressRange() {
  let [low, high] = [Infinity, 0];
  for (const node of D.nodes) {
    for (const column of ["last", "commit", "applied"]) {
      low = Math.min(low, valueAt(node.log, column, view.from));
      high = Math.max(high, valueAt(node.log, column, view.to));
    }
  }
  range = { low: Math.min(low, high), high: Math.max(high, low + 1) };
}

function drawProgress(log, top, height) {
  const { low, high } = range;
  // Of changes within so many pixels only the last is seen.
  const changes = lower(log.at, view.to) - lower(log.at, view.from);
  const grain = changes > 600 ? 3 : 1;
  const y = (value) => top + height - ((Math.max(value, low) - low) / (high - low)) * (height - 2);
  const trace = (column, paint) => {
    const end = Math.min(view.width, view.x(D.end));
    let place = Math.max(0, lower(log.at, view.from) - 1);
    if (!log.at.length || view.x(log.at[place]) > view.width) return;
    pen.beginPath();
    let x = Math.max(view.x(log.at[place]), LABELS_WIDTH - 2);
    const begin = x;
    pen.moveTo(x, y(log[column][place]));
    while (x < end) {
      const next = Math.max(place + 1, lowerNear(log.at, view.time(x + grain), place));
      if (next >= log.at.length || log.at[next] > view.to) break;
      const before = y(log[column][next - 1]);
      x = Math.max(x, view.x(log.at[next]));
      pen.lineTo(x, before);
      pen.lineTo(x, y(log[column][next]));
      place = next;
    }
    const reached = valueAt(log, column, view.to);
    pen.lineTo(end, y(reached));
    paint(begin, end);
  };
  trace("last", (begin, end) => {
    pen.lineTo(end, top + height);
    pen.lineTo(begin, top + height);
    pen.fillStyle = colour.last;
    pen.globalAlpha = 0.55;
    pen.fill();
    pen.globalAlpha = 1;
  });
  pen.lineWidth = 1.5;
  trace("commit", () => { pen.strokeStyle = colour.commit; pen.stroke(); });
  if (changes < 200) pen.setLineDash([3, 2]);
  trace("applied", () => { pen.strokeStyle = colour.applied; pen.stroke(); });
  pen.setLineDash([]);
  pen.lineWidth = 1;
}

function drawProgressLabel(lane, top) {
  const node = nodeOf[lane];
  if (!node || hidden.parts.has("progress")) return;
  pen.font = FONT.replace("11px", "10px");
  const time = Math.min(view.to, D.end);
  label(`log ${valueAt(node.log, "last", time)}`, 10, top + 44, LABELS_WIDTH - 12, colour.soft);
  label(`commit ${valueAt(node.log, "commit", time)}`, 10, top + 56, LABELS_WIDTH - 12, colour.commit);
  label(`applied ${valueAt(node.log, "applied", time)}`, 10, top + 68, LABELS_WIDTH - 12, colour.applied);
  pen.font = FONT;
}

/// Shaded intervals: a hatch over the lane, a bar at its foot, and words where there is room.
function drawWrong(lane, top, height) {
  if (hidden.parts.has("faults")) return;
  let shift = 0;
  for (const { from, to, class: kind, words, fault } of wrongOf[lane]) {
    const [x0, x1] = [Math.max(view.x(from), LABELS_WIDTH - 4), Math.min(view.x(to), view.width + 4)];
    if (x1 < LABELS_WIDTH || x0 > view.width) continue;
    const width = Math.max(x1 - x0, 1);
    const isChosen = selected?.type === "fault" && D.faults[selected.id].number === fault;
    pen.globalAlpha = isChosen ? 0.95 : 0.3;
    pen.fillStyle = hatch[kind];
    pen.fillRect(x0, top + 1, width, height - 2);
    pen.globalAlpha = isChosen ? 0.25 : 0.07;
    pen.fillStyle = colour[CLASS_COLOUR[kind]];
    pen.fillRect(x0, top + 1, width, height - 2);
    pen.globalAlpha = 1;
    if (D.lanes[lane].kind === "node" && width > 70) {
      const y = top + 44 + (shift++ % 3) * 12;
      pen.globalAlpha = 0.8;
      pen.fillStyle = colour.lane;
      pen.fillRect(x0 + 3, y - 6, Math.min(words.length * 5.9 + 6, width - 6), 12);
      pen.globalAlpha = 1;
      label(words, x0 + 6, y, width - 12, colour.ink);
    }
    pen.fillStyle = colour[CLASS_COLOUR[kind]];
    pen.fillRect(x0, top + height - 3, width, 2);
  }
}

const KIND_COLOUR = { phase: "ink", fault: "fault", machine: "lost", election: "vote", log: "answer", state: "applied", client: "read", large: "read", operator: "ink" };

/// Events as ticks. Where there are many to a pixel, the more of them the darker.
function drawTicks(lane, y, height) {
  D.kinds.forEach((kind, number) => {
    const { at } = eventsOf[lane][number];
    if (!at.length || hidden.kinds.has(kind)) return;
    const isNotable = kind === "election" || kind === "machine" || kind === "operator";
    pen.fillStyle = colour[KIND_COLOUR[kind]];
    eachStretch(at, isNotable ? 1 : 4, (x0, x1, level) => {
      pen.globalAlpha = isNotable ? 1 : 0.2 + 0.17 * level;
      pen.fillRect(x0, isNotable ? y - 3 : y, x1 - x0 + (isNotable ? 0.6 : 0), isNotable ? height + 3 : height - 2);
    });
  });
  pen.globalAlpha = 1;
}

const OUTCOME_COLOUR = { several: "last", read: "read", wrote: "wrote", "did-not-happen": "no", unknown: "unknown", unanswered: "unanswered" };

function drawOperations(lane, top) {
  operationRows[lane].forEach((row, place) => {
    const y = top + place * OPERATION_ROW;
    eachBar(row, (id, x0, x1, isBad) => {
      const bar = id === null ? null : operations[id];
      drawOperation(bar, Math.max(x0, LABELS_WIDTH - 4), Math.min(x1, view.width + 4), y, isBad);
    });
  });
}

function drawOperation(bar, x0, x1, y, isBad) {
  const width = Math.max(x1 - x0 - (x1 - x0 > 4 ? 1 : 0), 1);
  const height = OPERATION_ROW - 3;
  const outcome = bar ? bar.outcome : isBad ? "unknown" : "several";
  const ink = outcome === "unanswered" ? colour.ink : colour["on-bar"];
  pen.globalAlpha = bar ? 1 : 0.75;
  pen.fillStyle = colour[OUTCOME_COLOUR[outcome]];
  pen.fillRect(x0, y, width, height);
  if (outcome === "unknown" || outcome === "unanswered") {
    pen.fillStyle = hatch.unknown;
    pen.fillRect(x0, y, width, height);
  }
  // What was read is a line below, what was written one above: told apart without colours.
  if (outcome === "read" || outcome === "wrote") {
    pen.fillStyle = colour["on-bar"];
    pen.globalAlpha *= 0.45;
    pen.fillRect(x0, outcome === "wrote" ? y : y + height - 2, width, 2);
  }
  pen.globalAlpha = 1;
  if (bar) label(`${bar.asked} → ${bar.told}`, Math.max(x0, LABELS_WIDTH) + 4, y + height / 2 + 0.5, width - 6, ink);
}
