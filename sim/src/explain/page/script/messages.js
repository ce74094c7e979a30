// Messages between nodes as arrows; one that was lost ends in a cross.

const ARROWS_MAX = 1200;
const MESSAGE_COLOUR = { vote: "vote", append: "append", "append answer": "answer", heartbeat: "heartbeat", "heartbeat answer": "heartbeat", snapshot: "snapshot", other: "other" };
/// Kinds that are too many to be drawn as arrows now, with how many there are.
let crowded = [];

function drawMessages() {
  crowded = [];
  D.message_kinds.forEach((kind, number) => {
    if (hidden.messages.has(kind)) return;
    const [arrived, lost] = arrows[number];
    drawArrows(arrived, kind, false);
    drawArrows(lost, kind, true);
  });
}

function drawArrows(intervals, kind, isLost) {
  const count = intervals.count(view.from, view.to);
  if (count > ARROWS_MAX) {
    crowded.push({ kind, count, isLost });
    return drawTraffic(intervals, isLost);
  }
  pen.strokeStyle = pen.fillStyle = isLost ? colour.lost : colour[MESSAGE_COLOUR[kind]];
  // The fewer there are the more each matters.
  pen.globalAlpha = isLost ? 1 : Math.max(0.35, 1 - count / 500);
  pen.lineWidth = kind === "vote" || kind === "snapshot" ? 1.8 : 1.1;
  const ends = [];
  // Of arrows between the same two that would lie on each other one is enough.
  const apart = isLost ? 6 : 1;
  const drawn = new Map();
  pen.setLineDash(isLost ? [5, 3] : kind.startsWith("heartbeat") ? [2, 3] : []);
  pen.beginPath();
  intervals.visit(view.from, view.to, (id) => {
    const arrow = arrowOf(id);
    const ways = messages.from[id] * D.lanes.length + messages.to[id];
    if (arrow.x0 - (drawn.get(ways) ?? -Infinity) < apart) return;
    drawn.set(ways, arrow.x0);
    pen.moveTo(arrow.x0, arrow.y0);
    pen.lineTo(arrow.x1, arrow.y1);
    ends.push(arrow);
  });
  pen.stroke();
  pen.setLineDash([]);
  if (isLost) ends.forEach(cross); else if (count < 600) ends.forEach(head);
  pen.globalAlpha = 1;
  pen.lineWidth = 1;
}

/// Where an arrow begins and ends on the screen.
function arrowOf(id) {
  const [from, to] = [layout.lanes[messages.from[id]], layout.lanes[messages.to[id]]];
  const isDown = to.y > from.y;
  const edge = (place, isFoot) => place.y - view.scroll + (isFoot ? (place.isFolded ? place.height : NODE.height + 2) : (place.isFolded ? 0 : 6));
  const [y0, y1] = [edge(from, isDown), edge(to, !isDown)];
  const x0 = view.x(messages.sent[id]);
  if (messages.isLost[id]) {
    const x1 = view.x(messages.sent[id] + messages.usual / 2);
    return { x0, y0, x1: Math.max(x1, x0 + 3), y1: y0 + (y1 - y0) * 0.42 };
  }
  const arrived = messages.arrived[id] < 0 ? D.end : messages.arrived[id];
  return { x0, y0, x1: view.x(arrived), y1 };
}

function cross({ x1, y1 }) {
  pen.lineWidth = 1.8;
  pen.beginPath();
  pen.moveTo(x1 - 4, y1 - 4);
  pen.lineTo(x1 + 4, y1 + 4);
  pen.moveTo(x1 - 4, y1 + 4);
  pen.lineTo(x1 + 4, y1 - 4);
  pen.stroke();
}

function head({ x0, y0, x1, y1 }) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x1 - 7 * Math.cos(angle - 0.38), y1 - 7 * Math.sin(angle - 0.38));
  pen.lineTo(x1 - 7 * Math.cos(angle + 0.38), y1 - 7 * Math.sin(angle + 0.38));
  pen.fill();
}

/// Many messages: how many a pixel, in a strip for all of them together at the foot of the last node.
function drawTraffic({ starts }, isLost) {
  const last = layout.lanes.findLast(({ id }) => D.lanes[id].kind === "node");
  if (!last) return;
  const y = last.y - view.scroll + last.height - 5;
  pen.fillStyle = isLost ? colour.lost : colour.append;
  eachStretch(starts, 5, (x0, x1, level) => {
    pen.globalAlpha = 0.08 + 0.1 * level;
    pen.fillRect(x0, y, x1 - x0, 4);
  });
  pen.globalAlpha = 1;
}

function crowdedInWords() {
  const total = crowded.reduce((sum, { count }) => sum + count, 0);
  return total ? `${total.toLocaleString("en")} messages in sight: zoom in to see them as arrows` : "";
}
