// The whole run in a strip: elections, faults, what broke, and the part that is in sight.

const overview = document.getElementById("overview");
const overviewPen = overview.getContext("2d");
const overviewX = (time, width) => LABELS_WIDTH + (time / D.end) * (width - LABELS_WIDTH - 12);
let overviewPicture = null;

/// What does not change with the view is drawn once for each size and theme.
function paintOverview(width, height) {
  const picture = document.createElement("canvas");
  const ink = picture.getContext("2d");
  fitCanvas(picture, ink, width, height);
  const x = (time) => overviewX(time, width);
  ink.fillStyle = colour.raised;
  ink.fillRect(0, 0, width, height);
  const columns = new Float64Array(Math.ceil(width));
  for (let id = 0; id < events.length; id++) columns[Math.floor(x(events.at[id]))]++;
  const most = Math.max(1, ...columns);
  ink.fillStyle = colour.faint;
  columns.forEach((count, place) => {
    if (count) ink.fillRect(place, height - 3 - (Math.log1p(count) / Math.log1p(most)) * (height - 20), 1, height);
  });
  ink.fillStyle = colour.fault;
  for (const { from, to } of D.faults) ink.fillRect(x(from), 3, Math.max(2, x(to) - x(from)), 4);
  ink.fillStyle = colour.leader;
  for (const { roles } of D.nodes) {
    for (const band of roles) if (band.role === "leader") ink.fillRect(x(band.from), 10, Math.max(1, x(band.to) - x(band.from) - 1), 4);
  }
  if (D.broken) {
    ink.fillStyle = colour.broken;
    ink.fillRect(x(D.broken.at) - 1, 0, 2.5, height);
  }
  ink.font = FONT;
  ink.textBaseline = "middle";
  label("whole run", 10, height / 2, 90, colour.soft, ink);
  return picture;
}

function drawOverview() {
  const [width, height] = [overview.clientWidth, overview.clientHeight];
  const key = `${width} ${height} ${devicePixelRatio} ${document.documentElement.dataset.theme}`;
  if (overviewPicture?.key !== key) overviewPicture = { key, picture: paintOverview(width, height) };
  fitCanvas(overview, overviewPen, width, height);
  overviewPen.drawImage(overviewPicture.picture, 0, 0, width, height);
  const [x0, x1] = [overviewX(Math.max(view.from, 0), width), overviewX(Math.min(view.to, D.end), width)];
  overviewPen.fillStyle = colour.paper;
  overviewPen.globalAlpha = 0.72;
  overviewPen.fillRect(LABELS_WIDTH, 0, x0 - LABELS_WIDTH, height);
  overviewPen.fillRect(x1, 0, width - x1, height);
  overviewPen.globalAlpha = 1;
  overviewPen.strokeStyle = colour.focus;
  overviewPen.lineWidth = 2;
  overviewPen.strokeRect(x0, 1, Math.max(x1 - x0, 3), height - 2);
}

function listenToOverview() {
  const go = (event) => {
    const width = overview.clientWidth;
    const time = ((event.offsetX - LABELS_WIDTH) / (width - LABELS_WIDTH - 12)) * D.end;
    view.show(time - view.span / 2, time + view.span / 2);
  };
  overview.addEventListener("pointerdown", (event) => {
    view.stop();
    overview.setPointerCapture(event.pointerId);
    go(event);
  });
  overview.addEventListener("pointermove", (event) => { if (event.buttons) go(event); });
}
