// Colours of the style sheet, for canvases; hatches, so that nothing is told by colour alone.

const colour = {};
const hatch = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "raised", "line", "grid", "lane", "ink", "soft", "faint", "leader", "on-leader", "candidate",
    "on-candidate", "pre-candidate", "on-pre-candidate", "follower", "on-follower", "gone", "lease", "last", "commit", "applied", "read",
    "wrote", "no", "unknown", "unanswered", "on-bar", "vote", "append", "answer", "heartbeat", "snapshot", "other", "lost", "broken",
    "on-broken", "broken-soft", "fault", "fault-soft", "on-fault", "select", "focus"]) {
    colour[name] = style.getPropertyValue(`--${name}`).trim();
  }
  hatch.gone = stripes(colour.faint, 7, "/");
  hatch.down = stripes(colour.faint, 7, "/");
  hatch.foreign = stripes(colour.fault, 6, "x");
  hatch.paused = stripes(colour.soft, 6, "|");
  hatch.cut = stripes(colour.lost, 8, "\\");
  hatch.poor = stripes(colour.lost, 8, ".");
  hatch.slow = stripes(colour.candidate, 8, ".");
  hatch.disk = stripes(colour.candidate, 8, "-");
  hatch.clock = stripes(colour.fault, 9, ".");
  hatch.candidate = stripes(colour["on-candidate"], 6, "/", 0.35);
  hatch.unknown = stripes(colour["on-candidate"], 5, "/", 0.5);
}

const CLASS_COLOUR = { down: "faint", foreign: "fault", paused: "soft", cut: "lost", poor: "lost", slow: "candidate", disk: "candidate", clock: "fault" };
const CLASS_WORDS = {
  down: "down: nothing runs", foreign: "a node of another cluster runs here", paused: "stands still", cut: "cut off from somebody",
  poor: "messages are late or lost", slow: "slow, or flooded", disk: "the disk is slow", clock: "the clock is wrong",
};

function stripes(ink, size, way, alpha = 0.55) {
  const tile = document.createElement("canvas");
  const ratio = devicePixelRatio || 1;
  tile.width = tile.height = Math.round(size * ratio);
  const pen = tile.getContext("2d");
  const side = tile.width;
  pen.strokeStyle = pen.fillStyle = ink;
  pen.globalAlpha = alpha;
  pen.lineWidth = ratio;
  pen.beginPath();
  const line = (...points) => { pen.moveTo(points[0], points[1]); pen.lineTo(points[2], points[3]); };
  if (way === "/" || way === "x") { line(0, side, side, 0); line(-side / 2, side / 2, side / 2, -side / 2); line(side / 2, side * 1.5, side * 1.5, side / 2); }
  if (way === "\\" || way === "x") { line(0, 0, side, side); line(-side / 2, side / 2, side / 2, side * 1.5); line(side / 2, -side / 2, side * 1.5, side / 2); }
  if (way === "|") line(side / 2, 0, side / 2, side);
  if (way === "-") line(0, side / 2, side, side / 2);
  pen.stroke();
  if (way === ".") pen.fillRect(side / 2 - ratio, side / 2 - ratio, 2 * ratio, 2 * ratio);
  const pattern = pen.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / ratio));
  return pattern;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  readColours();
  arrange();
  redraw();
}

const otherTheme = () => (document.documentElement.dataset.theme === "dark" ? "light" : "dark");

/// Each term has a tint of its own, so that it is seen who still is in which.
const termTint = (term) => {
  const isDark = document.documentElement.dataset.theme === "dark";
  return `hsl(${(200 + term * 67) % 360} ${isDark ? "38% 46%" : "48% 62%"})`;
};
