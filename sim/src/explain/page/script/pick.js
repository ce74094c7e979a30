// What is under the pointer, what is selected, and the marks above the scene: the break, its steps, the selection, results.

let selected = null;
let hovered = null;

/// Steps of what broke, each with where its number is drawn.
const steps = D.broken ? D.broken.steps : [];

function stepPlaces() {
  const taken = [];
  return steps.map((step) => {
    const x = view.x(step.at);
    const isLaned = step.lane !== null;
    let y = isLaned ? laneTop(step.lane) + (D.lanes[step.lane].kind === "node" ? 20 : 12) : layout.faults.y + 11;
    while (taken.some((other) => Math.abs(other.x - x) < 17 && Math.abs(other.y - y) < 15)) y += 16;
    taken.push({ x, y });
    return { x, y, isSeen: x >= LABELS_WIDTH && (!isLaned || y > headHeight()) };
  });
}

function drawMarks() {
  fitCanvas(marks, markPen, view.width, view.height);
  markPen.clearRect(0, 0, view.width, view.height);
  markPen.font = FONT;
  markPen.textBaseline = "middle";
  within(markPen, LABELS_WIDTH, 0, view.width, view.height, () => {
    drawResults();
    if (hovered) outline(hovered, colour.focus, 1.5);
    if (selected) outline(selected, colour.select, 2.2);
    drawBreak();
    if (cursor !== null) drawCursor();
  });
  const words = crowdedInWords();
  if (words) {
    const width = words.length * 6 + 16;
    markPen.fillStyle = colour.raised;
    markPen.fillRect(view.width - width - 8, view.height - 26, width, 19);
    label(words, view.width - width, view.height - 16, width, colour.soft, markPen);
  }
}

function drawBreak() {
  if (!D.broken) return;
  const x = view.x(D.broken.at);
  markPen.fillStyle = colour.broken;
  markPen.fillRect(x - 0.75, 36, 1.5, view.height);
  const words = `✖ ${D.broken.rule}`;
  const width = words.length * 6.6 + 12;
  const left = Math.min(Math.max(x - width / 2, LABELS_WIDTH), view.width - width);
  if (x > LABELS_WIDTH - width && x < view.width + width) {
    markPen.fillRect(left, 19, width, 18);
    label(words, left + 6, 28.5, width, colour["on-broken"], markPen);
  }
  stepPlaces().forEach(({ x, y, isSeen }, place) => {
    if (!isSeen) return;
    markPen.beginPath();
    markPen.arc(x, y, 8.5, 0, 2 * Math.PI);
    markPen.fillStyle = steps[place].is_break ? colour.broken : colour.ink;
    markPen.fill();
    markPen.strokeStyle = colour.paper;
    markPen.lineWidth = 1.5;
    markPen.stroke();
    markPen.fillStyle = steps[place].is_break ? colour["on-broken"] : colour.paper;
    markPen.textAlign = "center";
    markPen.fillText(place + 1, x, y + 0.5);
    markPen.textAlign = "left";
  });
}

let cursor = null;
function drawCursor() {
  const x = view.x(cursor);
  markPen.fillStyle = colour.faint;
  markPen.fillRect(x, 36, 1, view.height);
  const words = exactTime(cursor);
  markPen.fillStyle = colour.paper;
  markPen.fillRect(x + 3, 12, words.length * 6.3 + 6, 14);
  label(words, x + 6, 19, 200, colour.ink, markPen);
}

/// A frame around something.
function outline({ type, id }, ink, width) {
  markPen.strokeStyle = markPen.fillStyle = ink;
  markPen.lineWidth = width;
  if (type === "message") {
    const arrow = arrowOf(id);
    markPen.beginPath();
    markPen.moveTo(arrow.x0, arrow.y0);
    markPen.lineTo(arrow.x1, arrow.y1);
    markPen.lineWidth = width + 1.5;
    return markPen.stroke();
  }
  if (type === "event") {
    const lane = events.lane[id];
    const x = view.x(events.at[id]);
    const [top, height] = lane < 0 ? [AXIS_HEIGHT, headHeight()] : [laneTop(lane), layout.lanes[lane].height];
    markPen.fillRect(x - width / 2, top, width, height);
    markPen.beginPath();
    markPen.moveTo(x - 5, top);
    markPen.lineTo(x + 5, top);
    markPen.lineTo(x, top + 6);
    return markPen.fill();
  }
  const box = boxOf(type, id);
  if (box) markPen.strokeRect(box.x0 + 0.5, box.y + 0.5, Math.max(box.x1 - box.x0, 3), box.height);
}

function boxOf(type, id) {
  if (type === "operation") {
    const { lane, from } = operations[id];
    const place = operationRows[lane].findIndex((row) => row.ids[lower(row.starts, from)] === id || row.ids.includes(id));
    return { x0: view.x(from), x1: view.x(operationEnd(operations[id])), y: laneTop(lane) + 4 + Math.max(place, 0) * OPERATION_ROW, height: OPERATION_ROW - 3 };
  }
  if (type === "fault") {
    const place = faultRows.findIndex((row) => row.ids.includes(id));
    const { from, to } = D.faults[id];
    return { x0: view.x(from), x1: view.x(to), y: layout.faults.y + 4 + place * FAULT_ROW, height: FAULT_ROW - 3 };
  }
  return null;
}

/// What is at a place on the screen, the smallest thing first.
function pick(x, y) {
  if (x < LABELS_WIDTH) return null;
  const step = stepPlaces().findIndex((place) => place.isSeen && Math.hypot(place.x - x, place.y - y) < 10);
  if (step >= 0) return { type: "event", id: steps[step].event, step };
  if (y < headHeight()) return pickFault(x, y);
  const lane = laneAt(y);
  if (lane === null) return null;
  if (D.lanes[lane].kind !== "node") {
    const bar = pickOperation(lane, x, y);
    if (bar !== null) return { type: "operation", id: bar };
  }
  const message = pickMessage(x, y);
  if (message !== null) return { type: "message", id: message };
  const event = nearestEvent(lane, view.time(x), 7 / view.scale);
  return event === null ? null : { type: "event", id: event };
}

function pickFault(x, y) {
  const row = faultRows[Math.floor((y - layout.faults.y - 4) / FAULT_ROW)];
  if (!row || y < layout.faults.y) return null;
  const id = barAt(row, x);
  return id === null ? null : { type: "fault", id };
}

function pickOperation(lane, x, y) {
  const row = operationRows[lane][Math.floor((y - laneTop(lane) - 4) / OPERATION_ROW)];
  return row ? barAt(row, x) : null;
}

function barAt({ starts, ends, ids }, x) {
  const place = lower(ends, view.time(x - 2));
  return place < ids.length && starts[place] <= view.time(x + 2) ? ids[place] : null;
}

function pickMessage(x, y) {
  let [best, distance] = [null, 6];
  if (hidden.parts.has("messages")) return null;
  D.message_kinds.forEach((kind, number) => {
    if (hidden.messages.has(kind)) return;
    for (const intervals of arrows[number]) {
      if (intervals.count(view.from, view.to) > ARROWS_MAX) continue;
      intervals.visit(view.time(x - 20), view.time(x + 20), (id) => {
        const far = distanceTo(arrowOf(id), x, y);
        if (far < distance) [best, distance] = [id, far];
      });
    }
  });
  return best;
}

function distanceTo({ x0, y0, x1, y1 }, x, y) {
  const length = (x1 - x0) ** 2 + (y1 - y0) ** 2 || 1;
  const part = Math.min(1, Math.max(0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length));
  return Math.hypot(x0 + part * (x1 - x0) - x, y0 + part * (y1 - y0) - y);
}

/// The event of a lane that is nearest to a time, of those that are drawn.
function nearestEvent(lane, time, reach) {
  let [best, distance] = [null, reach];
  D.kinds.forEach((kind, number) => {
    if (hidden.kinds.has(kind)) return;
    const { at, ids } = eventsOf[lane][number];
    const place = lower(at, time);
    for (const near of [place - 1, place]) {
      if (near < 0 || near >= at.length) continue;
      const far = Math.abs(at[near] - time);
      if (far < distance) [best, distance] = [ids[near], far];
    }
  });
  return best;
}

const timeOf = ({ type, id }) => ({
  event: () => events.at[id], message: () => messages.sent[id], operation: () => operations[id].from, fault: () => D.faults[id].from,
}[type]());

/// Zooms on what is selected if it is in sight, or else on the middle.
function zoomOnSelected(factor) {
  const x = selected ? view.x(timeOf(selected)) : -1;
  view.zoom(factor, x > LABELS_WIDTH && x < view.width ? x : undefined);
}

function select(what, { move = false, spanMax = Infinity } = {}) {
  selected = what;
  if (what) {
    showDetails(what);
    if (move) {
      showLane(what);
      view.centre(timeOf(what), spanMax);
    }
  }
  redraw();
}

/// Scrolls until the lane of something is in sight.
function showLane({ type, id }) {
  const lane = { event: () => events.lane[id], message: () => messages.from[id], operation: () => operations[id].lane, fault: () => -1 }[type]();
  if (lane < 0) return;
  const { y, height } = layout.lanes[lane];
  if (y - view.scroll < headHeight()) view.scrollBy(y - view.scroll - headHeight());
  if (y + height - view.scroll > view.height) view.scrollBy(y + height - view.scroll - view.height);
}
