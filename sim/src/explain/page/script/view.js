// Which part of the run is seen: a span of time, and how far the lanes are scrolled.

const LABELS_WIDTH = 112;
const SPAN_MIN = 2_000;

const view = {
  from: 0,
  to: D.end,
  scroll: 0,
  width: 100,
  height: 100,

  get span() { return this.to - this.from; },
  get scale() { return (this.width - LABELS_WIDTH - 12) / this.span; },
  x(time) { return LABELS_WIDTH + (time - this.from) * this.scale; },
  time(x) { return this.from + (x - LABELS_WIDTH) / this.scale; },

  show(from, to) {
    const margin = D.end * 0.01;
    const span = Math.min(Math.max(to - from, SPAN_MIN), D.end + 2 * margin);
    from = Math.min(Math.max(from + (to - from - span) / 2, -margin), D.end + margin - span);
    [this.from, this.to] = [from, from + span];
    redraw();
  },

  pan(pixels) {
    const time = pixels / this.scale;
    this.show(this.from + time, this.to + time);
  },

  zoom(factor, x = LABELS_WIDTH + (this.width - LABELS_WIDTH) / 2) {
    const at = this.time(x);
    this.show(at - (at - this.from) * factor, at + (this.to - at) * factor);
  },

  scrollBy(pixels) {
    this.scroll = Math.min(Math.max(this.scroll + pixels, 0), Math.max(0, layout.height - this.height));
    redraw();
  },

  /// Goes there in a few frames, for the eye to follow.
  goTo(from, to) {
    cancelAnimationFrame(this.moving);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.show(from, to);
    const [oldFrom, oldTo, began] = [this.from, this.to, performance.now()];
    const step = (now) => {
      const part = Math.min(1, Math.max(0, (now - began) / 260));
      const eased = 1 - (1 - part) ** 3;
      this.show(oldFrom + (from - oldFrom) * eased, oldTo + (to - oldTo) * eased);
      if (part < 1) this.moving = requestAnimationFrame(step);
    };
    this.moving = requestAnimationFrame(step);
  },

  /// Brings a moment into sight, at a span of at most this.
  centre(time, spanMax = Infinity) {
    const span = Math.min(this.span, spanMax);
    if (span === this.span && time > this.from + span * 0.1 && time < this.to - span * 0.1) return redraw();
    this.goTo(time - span / 2, time + span / 2);
  },

  stop() { cancelAnimationFrame(this.moving); },
};

let isDue = false;
/// Draws in the next frame, however often it is asked for.
function redraw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    draw();
  });
}
