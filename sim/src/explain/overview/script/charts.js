// A curve over time, and a histogram.

const WIDTH = 560, HEIGHT = 200, LEFT = 52, BOTTOM = 24, TOP = 12;

const short = (value) => (value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toPrecision(2));

/// An empty chart with its axes; `across` and `up` are the largest values there.
function frame(title, across, up, unit) {
  const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  const x = (value) => LEFT + ((WIDTH - LEFT - 8) * value) / (across || 1);
  const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * value) / (up || 1);
  for (const part of [0, 0.5, 1]) {
    svg.append(draw("line", { class: "grid", x1: LEFT, x2: WIDTH - 8, y1: y(up * part), y2: y(up * part) }));
    svg.append(draw("text", { x: LEFT - 6, y: y(up * part) + 4, "text-anchor": "end" }, short(up * part)));
    svg.append(draw("text", { x: x(across * part), y: HEIGHT - 6, "text-anchor": part === 0 ? "start" : part === 1 ? "end" : "middle" },
      `${short(across * part)} ${unit}`));
  }
  svg.append(draw("line", { class: "axis", x1: LEFT, x2: WIDTH - 8, y1: y(0), y2: y(0) }));
  return { svg, x, y };
}

const chart = (title, svg, ...notes) => make("div", { class: "chart" }, make("h3", {}, title), svg, ...notes);

/// `points` are pairs of a time in seconds and a value, in order of time.
function curve(title, points, up) {
  const { svg, x, y } = frame(title, points.length ? points[points.length - 1][0] : 1, up, "s");
  const steps = points.map(([time, value], place) => `${place ? `H${x(time)}V` : `M${x(0)},`}${y(value)}`);
  svg.append(draw("path", { class: "curve", d: steps.join("") || `M${x(0)},${y(0)}` }));
  return chart(title, svg);
}

function histogram({ title, times, p50, p99, max, limits, columns }) {
  const most = Math.max(1, ...columns);
  const { svg, x, y } = frame(title, max / 1000, most, "s");
  const wide = columns.length ? max / 1000 / columns.length : 0;
  columns.forEach((count, place) => {
    const bar = draw("rect", { class: "column", x: x(place * wide), y: y(count), width: Math.max(1, x(wide) - x(0) - 1), height: y(0) - y(count) });
    bar.append(draw("title", {}, `${count} of ${times}: ${short(place * wide)} to ${short((place + 1) * wide)} s`));
    svg.append(bar);
  });
  for (const [name, value] of [["p50", p50], ["p99", p99]]) {
    if (!times) break;
    svg.append(draw("line", { class: "mark", x1: x(value / 1000), x2: x(value / 1000), y1: TOP, y2: y(0) }));
    const isRight = value > max / 2;
    svg.append(draw("text", { x: x(value / 1000) + (isRight ? -4 : 4), y: name === "p50" ? TOP - 3 : TOP + 10, "text-anchor": isRight ? "end" : "start" }, name));
  }
  const seconds = (ms) => `${(ms / 1000).toFixed(3)} s`;
  const atMost = (place) => limits ? ` (at most ${limits[place] / 1000} s)` : "";
  return chart(title, svg, make("div", { class: "soft" },
    times ? `${times} times: p50 ${seconds(p50)}${atMost(0)}, p99 ${seconds(p99)}${atMost(1)}, max ${seconds(max)}` : "never"));
}
