// The sheet to work on: zoom and pan, layers, calipers, leads to choose, corrections by hand.
// Points of the picture are its pixels. Points of the sheet are pixels at canonical scale; the
// homography `toPicture` leads from the sheet to the picture.

const SVG = "http://www.w3.org/2000/svg";
const HAND = "#C2185B";
const CURVE = "#0057FF";
const MEASURE = "#7B1FA2";
const MOST_ZOOM = 16;
const STEP_ZOOM = 1.4;
// A press that moves less is a click, screen pixels.
const CLICK_PX = 5;
const KNOTS = 5;

const views = new WeakMap();

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view || !parentElement.contains(view.root)) {
    view = new SheetView(parentElement);
    views.set(parentElement, view);
  }
  view.select = (lead) => setStateValue("lead", lead);
  view.trigger = setTriggerValue;
  view.update(data);
}

function make(tag, attributes = {}, parent = null) {
  const element = document.createElement(tag);
  set(element, attributes);
  if (parent) parent.append(element);
  return element;
}

function draw(tag, attributes = {}, parent = null) {
  const element = document.createElementNS(SVG, tag);
  set(element, attributes);
  if (parent) parent.append(element);
  return element;
}

// Said in the visitor's language; the English text is the key.
let words = {};

function t(text, values = {}) {
  const said = words[text] || text;
  return said.replace(/{(\w+)}/g, (place, name) => values[name] ?? place);
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name === "onclick") element.addEventListener("click", value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
}

function mapped(h, [x, y]) {
  const w = h[2][0] * x + h[2][1] * y + h[2][2];
  return [
    (h[0][0] * x + h[0][1] * y + h[0][2]) / w,
    (h[1][0] * x + h[1][1] * y + h[1][2]) / w,
  ];
}

function inverse(h) {
  const [[a, b, c], [d, e, f], [g, i, j]] = h;
  const rows = [
    [e * j - f * i, c * i - b * j, b * f - c * e],
    [f * g - d * j, a * j - c * g, c * d - a * f],
    [d * i - e * g, b * g - a * i, a * e - b * d],
  ];
  const det = a * rows[0][0] + b * rows[1][0] + c * rows[2][0];
  return rows.map((row) => row.map((value) => value / det));
}

const line = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

class SheetView {
  constructor(parent) {
    this.root = make("div", { class: "sheet-view" }, parent);
    this.bar = make("div", { class: "bar", role: "toolbar", "aria-label": "" }, this.root);
    this.correcting = make("div", { class: "bar", hidden: "" }, this.root);
    this.svg = draw("svg", { tabindex: "0", role: "group" }, this.root);
    this.base = draw("g", {}, this.svg);
    this.tools = draw("g", {}, this.svg);
    this.status = make("p", { class: "said", role: "status" }, this.root);
    this.layer = "leads";
    this.mode = "look";
    this.tool = "leads";
    this.pointers = new Map();
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerup", (event) => this.release(event));
    this.svg.addEventListener("pointercancel", (event) => this.release(event));
    this.svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.fitted && this.drawTools()).observe(this.svg);
    this.root.addEventListener("fullscreenchange", () => this.drawTools());
    document.addEventListener("fullscreenchange", () => this.drawBars());
  }

  update(data) {
    const another = !this.data || this.data.id !== data.id;
    this.data = data;
    words = data.words;
    this.bar.setAttribute("aria-label", t("The sheet"));
    if (another) {
      this.box = [0, 0, data.width, data.height];
      this.mode = "look";
      this.selected = null;
      this.caliper = null;
      this.fitted = true;
      this.svg.style.aspectRatio = `${data.width} / ${data.height}`;
      this.svg.setAttribute("aria-label", data.alt);
      this.toSheet = data.toPicture ? inverse(data.toPicture) : null;
      if (!data.toPicture) this.layer = "plain";
      else if (this.layer === "plain") this.layer = "leads";
      this.startOver();
    }
    this.drawBars();
    this.drawBase();
    this.zoomTo(this.box);
  }

  startOver() {
    this.history = [];
    this.leads = this.data.leads.map((lead) => ({ ...lead, moved: false }));
    this.edits = { corners: null, swaps: [], strokes: [] };
  }

  // ------------------------------------------------------------------ bars

  drawBars() {
    // What has the keyboard keeps it.
    const focused = this.root.getRootNode().activeElement;
    const key = focused && focused.dataset ? focused.dataset.key : null;
    this.bar.replaceChildren();
    const shown = make("span", { class: "group", role: "group", "aria-label": t("Show") }, this.bar);
    const layers = this.data.toPicture
      ? { plain: t("Plain"), leads: t("Leads"), traced: t("Traced"), evidence: t("Evidence") }
      : { plain: t("Plain") };
    for (const [layer, title] of Object.entries(layers)) {
      if (layer === "evidence" && !this.data.hasVerdict) continue;
      this.button(shown, title, () => this.show(layer), { pressed: this.layer === layer });
    }
    const zoom = make("span", { class: "group", role: "group", "aria-label": t("Zoom") }, this.bar);
    this.button(zoom, "\u2212", () => this.zoomBy(1 / STEP_ZOOM), { label: t("Smaller") });
    this.button(zoom, "+", () => this.zoomBy(STEP_ZOOM), { label: t("Larger") });
    this.button(zoom, t("Fit"), () => this.zoomTo([0, 0, this.data.width, this.data.height]));
    const does = make("span", { class: "group" }, this.bar);
    if (this.data.toPicture) {
      this.button(does, t("Measure"), () => this.setMode("measure"), {
        pressed: this.mode === "measure",
      });
    }
    if (this.data.editable) {
      this.button(does, t("Correct"), () => this.setMode("correct"), {
        pressed: this.mode === "correct",
      });
    }
    if (this.root.requestFullscreen) {
      const full = Boolean(document.fullscreenElement);
      this.button(does, t(full ? "Leave full screen" : "Full screen"), () =>
        full ? document.exitFullscreen() : this.root.requestFullscreen(),
      );
    }
    this.drawCorrecting();
    if (key) {
      const again = this.root.querySelector(`[data-key="${CSS.escape(key)}"]`);
      if (again) again.focus();
    }
  }

  button(parent, title, onclick, { pressed, label, disabled, primary } = {}) {
    const attributes = { type: "button", text: title, onclick, "data-key": label || title };
    if (label) attributes["aria-label"] = label;
    if (pressed !== undefined) attributes["aria-pressed"] = String(pressed);
    if (disabled) attributes.disabled = "";
    if (primary) attributes.class = "primary";
    return make("button", attributes, parent);
  }

  drawCorrecting() {
    this.correcting.replaceChildren();
    this.correcting.hidden = this.mode !== "correct";
    if (this.mode !== "correct") return;
    const tools = make(
      "span",
      { class: "group", role: "group", "aria-label": t("Correct") },
      this.correcting,
    );
    const known = this.data.toPicture
      ? { corners: t("Corners"), leads: t("Lead boxes"), draw: t("Draw"), erase: t("Erase") }
      : { corners: t("Corners") };
    for (const [tool, title] of Object.entries(known)) {
      this.button(tools, title, () => this.setTool(tool), { pressed: this.tool === tool });
    }
    const lead = this.leads.find((one) => one.name === this.selected);
    if (this.tool === "leads" && lead && this.data.names.includes(lead.name)) {
      const label = make("label", { text: `${t("This is lead")} ` }, this.correcting);
      const choice = make("select", { "data-key": "name" }, label);
      for (const name of this.data.names) {
        make("option", { value: name, text: name }, choice).selected = name === lead.name;
      }
      choice.addEventListener("change", () => this.rename(lead, choice.value));
      if (lead.absent && !lead.moved) {
        this.button(this.correcting, t("It is here"), () => {
          this.remember();
          lead.moved = true;
          this.redraw();
        });
      }
    }
    const ends = make("span", { class: "group" }, this.correcting);
    const empty = !this.history.length;
    this.button(ends, t("Undo"), () => this.undo(), { disabled: empty });
    this.button(ends, t("Read again"), () => this.apply(), { disabled: empty, primary: true });
  }

  show(layer) {
    this.layer = layer;
    if (layer === "evidence" && !this.data.evidence) this.trigger("evidence", this.data.id);
    this.redraw();
  }

  setMode(mode) {
    this.mode = this.mode === mode ? "look" : mode;
    if (this.mode === "measure" && !this.caliper) {
      // Half a second and half a millivolt in the middle of what is shown.
      const middle = mapped(this.toSheet, [
        this.box[0] + this.box[2] / 2,
        this.box[1] + this.box[3] / 2,
      ]);
      const { pxPerS, pxPerMv } = this.data;
      this.caliper = [middle, [middle[0] + pxPerS / 2, middle[1] - pxPerMv / 2]];
    }
    if (this.mode === "correct" && !this.data.toPicture) this.tool = "corners";
    this.redraw();
  }

  setTool(tool) {
    this.tool = tool;
    this.redraw();
  }

  redraw() {
    this.drawBars();
    this.drawBase();
    this.drawTools();
  }

  // ------------------------------------------------------------------ base

  picture(point) {
    return mapped(this.data.toPicture, point);
  }

  band(lead) {
    const up = lead.top - lead.foundBaseline;
    const down = lead.bottom - lead.foundBaseline;
    const { left, right, baseline } = lead;
    const corners = [
      [left, baseline + up],
      [right, baseline + up],
      [right, baseline + down],
      [left, baseline + down],
    ];
    return corners.map((corner) => this.picture(corner));
  }

  drawBase() {
    const focused = this.root.getRootNode().activeElement;
    const kept = focused && focused.dataset ? focused.dataset.lead : null;
    this.base.replaceChildren();
    const { width, height } = this.data;
    draw("image", { href: this.data.picture, width, height }, this.base);
    const pale = this.layer === "traced" || this.layer === "evidence";
    if (pale) draw("rect", { width, height, fill: "#FFFFFF", opacity: 0.5 }, this.base);
    if (!this.data.toPicture) return;
    const placing = this.mode === "correct" && this.tool === "leads";
    for (const lead of this.leads) {
      if (lead.absent && !lead.moved && !placing) continue;
      this.drawLead(lead);
    }
    if (this.layer === "evidence" && this.data.evidence) this.drawEvidence();
    if (kept) {
      const again = this.base.querySelector(`[data-lead="${CSS.escape(kept)}"]`);
      if (again) again.focus();
    }
  }

  drawLead(lead) {
    const chosen = lead.name === this.selected;
    const correcting = this.mode === "correct";
    // What is drawn by hand is compared with the print and the trace, without a tint over them.
    const curve = correcting && ["draw", "erase"].includes(this.tool);
    const tinted = correcting || this.layer === "leads";
    const corners = this.band(lead);
    const place = draw(
      "polygon",
      {
        points: line(corners),
        class: chosen ? "lead chosen" : "lead",
        fill: tinted ? lead.colour : "#000000",
        "fill-opacity": tinted && !correcting ? 0.14 : 0,
        stroke: tinted || chosen ? (lead.moved ? HAND : lead.colour) : "none",
        "stroke-width": chosen ? 4 : 2,
        "stroke-dasharray": lead.absent && !lead.moved ? "6 6" : null,
        tabindex: "0",
        role: "button",
        "aria-pressed": String(chosen),
        "aria-label": lead.absent
          ? t("Lead {lead}, not found", { lead: lead.title })
          : t("Lead {lead}", { lead: lead.said }),
        "data-lead": lead.name,
      },
      this.base,
    );
    place.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.choose(lead.name);
      if (this.mode === "correct") this.begin(lead);
    });
    if (this.layer === "traced" || curve) this.drawCurve(lead, CURVE, curve ? 1 : 2);
    if (tinted) this.drawTag(lead, corners[0]);
  }

  drawTag(lead, [x, y]) {
    const size = Math.max(12, this.data.width / 46);
    const text = lead.moved || lead.absent || this.mode === "correct" ? lead.title : lead.tag;
    this.plate(this.base, [x, y], size, text, lead.colour, lead.ink);
  }

  // Text on a filled plate whose top left lies at a point; it stays within what is shown.
  plate(parent, [x, y], size, text, colour, ink) {
    const tag = draw("g", { class: "tag" }, parent);
    const back = draw("rect", { y, height: size * 1.3, fill: colour }, tag);
    const said = draw("text", { y: y + size, "font-size": size, fill: ink, text }, tag);
    const width = said.getComputedTextLength() + size * 0.5;
    const left = Math.min(x, this.box[0] + this.box[2] - width);
    set(back, { x: left, width });
    set(said, { x: left + size * 0.25 });
  }

  pathOf(lead, first = 0, last = Infinity) {
    let path = "";
    let down = false;
    const end = Math.min(last, lead.curve.length);
    for (let k = Math.max(0, first); k < end; k += 1) {
      const y = lead.curve[k];
      if (y === null) {
        down = false;
        continue;
      }
      const [px, py] = this.picture([lead.curveLeft + k, y]);
      path += `${down ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
      down = true;
    }
    return path;
  }

  drawCurve(lead, stroke, width) {
    if (!lead.curve) return;
    draw("path", { d: this.pathOf(lead), class: "curve", stroke, "stroke-width": width }, this.base);
  }

  drawEvidence() {
    const by = new Map(this.leads.map((lead) => [lead.name, lead]));
    for (const lead of this.leads) this.drawCurve(lead, this.data.unmoved, 2);
    for (const { lead, first, last, colour, width } of this.data.evidence) {
      if (!by.has(lead) || !by.get(lead).curve) continue;
      const d = this.pathOf(by.get(lead), first, last + 1);
      draw("path", { d, class: "curve", stroke: colour, "stroke-width": 2 * width }, this.base);
    }
  }

  // ------------------------------------------------------------------ tools

  get unit() {
    // Picture pixels in a screen pixel.
    return this.box[2] / Math.max(1, this.svg.clientWidth);
  }

  drawTools() {
    const focused = this.root.getRootNode().activeElement;
    const key = focused && focused.dataset ? focused.dataset.handle : null;
    this.tools.replaceChildren();
    if (!this.data) return;
    if (this.mode === "measure") this.drawCaliper();
    if (this.mode === "correct") this.drawEdits();
    this.handles().forEach((handle) => this.drawHandle(handle));
    if (key) {
      const again = this.tools.querySelector(`[data-handle="${CSS.escape(key)}"]`);
      if (again) again.focus({ preventScroll: true });
    }
    this.say();
  }

  drawCaliper() {
    const [[ax, ay], [bx, by]] = this.caliper;
    const corners = [[ax, ay], [bx, ay], [bx, by], [ax, by]].map((point) => this.picture(point));
    draw("polygon", { points: line(corners), class: "caliper", stroke: MEASURE }, this.tools);
    const size = 15 * this.unit;
    const [x, y] = [Math.min(...corners.map((c) => c[0])), Math.min(...corners.map((c) => c[1]))];
    const text = this.measured().join("  ");
    const top = Math.max(y - size * 1.8, this.box[1]);
    this.plate(this.tools, [Math.max(x, this.box[0]), top], size, text, MEASURE, "#FFFFFF");
  }

  measured() {
    const [[ax, ay], [bx, by]] = this.caliper;
    const ms = (1000 * Math.abs(bx - ax)) / this.data.pxPerS;
    const mv = (ay - by) / this.data.pxPerMv;
    const said = [`${ms.toFixed(0)} ms`];
    if (ms >= 200) said.push(`(${(60000 / ms).toFixed(0)}/min)`);
    said.push(`${mv < 0 ? "\u2212" : "+"}${Math.abs(mv).toFixed(2)} mV`);
    return said;
  }

  drawEdits() {
    if (this.tool === "corners") {
      const corners = this.edits.corners || this.data.corners;
      draw("polygon", { points: line(corners), class: "frame", stroke: HAND }, this.tools);
    }
    for (const stroke of this.edits.strokes) {
      const points = stroke.points.map((point) => this.picture(point));
      if (!stroke.erased) {
        draw("polyline", { points: line(points), class: "curve", stroke: HAND, "stroke-width": 3 },
          this.tools);
        continue;
      }
      const lead = this.leads.find((one) => one.name === stroke.lead);
      const [from, to] = stroke.points.map(([x]) => x);
      const ends = this.band({ ...lead, left: Math.min(from, to), right: Math.max(from, to) });
      draw("polygon", { points: line(ends), fill: HAND, opacity: 0.35 }, this.tools);
    }
  }

  handles() {
    if (this.mode === "measure") {
      return this.caliper.map((point, k) => ({
        key: `caliper${k}`,
        label: t(k ? "Caliper, second point" : "Caliper, first point"),
        at: this.picture(point),
        move: (to) => {
          this.caliper[k] = mapped(this.toSheet, to);
        },
      }));
    }
    if (this.mode !== "correct") return [];
    if (this.tool === "corners") {
      const names = [
        "Top left corner", "Top right corner", "Bottom right corner", "Bottom left corner",
      ];
      return (this.edits.corners || this.data.corners).map((at, k) => ({
        key: `corner${k}`,
        label: t(names[k]),
        at,
        move: ([x, y]) => {
          this.edits.corners = this.edits.corners || this.data.corners.map((one) => [...one]);
          const { width, height } = this.data;
          this.edits.corners[k] = [
            Math.min(Math.max(x, 0), width - 1),
            Math.min(Math.max(y, 0), height - 1),
          ];
        },
      }));
    }
    if (this.tool === "leads") {
      const lead = this.leads.find((one) => one.name === this.selected);
      return lead ? this.boxHandles(lead) : [];
    }
    return this.edits.strokes.flatMap((stroke, n) =>
      stroke.knots || stroke.erased
        ? stroke.points.map((point, k) => ({
            key: `stroke${n}_${k}`,
            label: t(
              stroke.erased
                ? "Erased part of {lead}, point {number}"
                : "Drawn part of {lead}, point {number}",
              { lead: stroke.lead, number: k + 1 },
            ),
            at: this.picture(point),
            move: (to) => {
              const [x, y] = mapped(this.toSheet, to);
              stroke.points[k] = stroke.erased ? [x, point[1]] : [x, y];
            },
          }))
        : [],
    );
  }

  boxHandles(lead) {
    const least = this.data.pxPerS / 2;
    const handle = (key, label, at, change) => ({
      key: `${key}_${lead.name}`,
      label: t(`${label} of {lead}`, { lead: lead.title }),
      at: this.picture(at),
      move: (to) => {
        lead.moved = true;
        change(mapped(this.toSheet, to));
      },
    });
    const { left, right, baseline } = lead;
    return [
      handle("left", "Beginning", [left, baseline], ([x]) => {
        lead.left = Math.min(x, right - least);
      }),
      handle("middle", "Baseline", [(left + right) / 2, baseline], ([x, y]) => {
        const by = x - (lead.left + lead.right) / 2;
        lead.left += by;
        lead.right += by;
        lead.baseline = y;
      }),
      handle("right", "End", [right, baseline], ([x]) => {
        lead.right = Math.max(x, left + least);
      }),
    ];
  }

  drawHandle({ key, label, at: [cx, cy] }) {
    const colour = this.mode === "measure" ? MEASURE : HAND;
    const unit = this.unit;
    const group = draw(
      "g",
      { class: "handle", tabindex: "0", role: "button", "aria-label": label, "data-handle": key },
      this.tools,
    );
    // A finger needs more room than the eye.
    draw("circle", { cx, cy, r: 22 * unit, fill: "#000000", "fill-opacity": 0 }, group);
    draw(
      "circle",
      { cx, cy, r: 8 * unit, fill: "#FFFFFF", stroke: colour, "stroke-width": 3 },
      group,
    );
    draw("circle", { cx, cy, r: 2 * unit, fill: colour }, group);
  }

  say() {
    let said = this.data.captions[this.layer] || "";
    if (this.layer === "evidence" && !this.data.evidence) said = t("Finding the evidence\u2026");
    if (this.mode === "measure") {
      said = t(
        "{measured}, at the sheet's own scale. Drag the two points, or move them with the arrow keys.",
        { measured: this.measured().join(" ") },
      );
    }
    if (this.mode === "correct") {
      said = t({
        corners:
          "Drag the four corners to where the ten seconds of curves begin and end.",
        leads: this.selected
          ? "Drag the beginning, the end or the baseline; choose the lead's name above."
          : "Click the lead whose place or name is wrong.",
        draw: "Draw over the part of a curve that was traced wrongly.",
        erase: "Drag over the part of a curve that is to be left out.",
      }[this.tool]);
      if (this.history.length) said += ` ${t("Then press Read again.")}`;
    }
    if (this.status.textContent !== said) this.status.textContent = said;
  }

  // ------------------------------------------------------------------ pointer and keys

  at(event) {
    const matrix = this.svg.getScreenCTM();
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    return [point.x, point.y];
  }

  press(event) {
    if (event.button) return;
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pointers.size === 2) {
      this.drag = { kind: "pinch", ...this.spread(), box: this.box };
      return;
    }
    const at = this.at(event);
    const held = event.target.closest("[data-handle]");
    const place = event.target.closest("[data-lead]");
    this.drag = { kind: "pan", from: [event.clientX, event.clientY], box: this.box, place };
    if (held) {
      const handle = this.handles().find((one) => one.key === held.dataset.handle);
      this.drag = { kind: "handle", key: handle.key, off: handle.at.map((v, k) => v - at[k]) };
      held.focus({ preventScroll: true });
    } else if (this.mode === "measure") {
      const point = mapped(this.toSheet, at);
      this.caliper = [point, [...point]];
      this.drag = { kind: "handle", key: "caliper1", off: [0, 0] };
    } else if (this.mode === "correct" && ["draw", "erase"].includes(this.tool)) {
      const name = place ? place.dataset.lead : this.selected;
      if (!name) return;
      this.remember();
      this.selected = name;
      const point = mapped(this.toSheet, at);
      const stroke = { lead: name, erased: this.tool === "erase", points: [point] };
      if (stroke.erased) stroke.points.push([...point]);
      this.edits.strokes.push(stroke);
      this.drag = { kind: "stroke", stroke };
    }
    if (this.drag.kind !== "pan" || this.zoomed) {
      event.preventDefault();
      this.svg.setPointerCapture(event.pointerId);
    }
  }

  move(event) {
    if (!this.pointers.has(event.pointerId) || !this.drag) return;
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    const at = this.at(event);
    if (this.drag.kind === "pinch") {
      const now = this.spread();
      const [bx, by, bw, bh] = this.drag.box;
      const scale = this.drag.apart / Math.max(1, now.apart);
      const unit = bw / Math.max(1, this.svg.clientWidth);
      this.zoomTo([
        bx + (bw - bw * scale) / 2 - (now.x - this.drag.x) * unit,
        by + (bh - bh * scale) / 2 - (now.y - this.drag.y) * unit,
        bw * scale,
        bh * scale,
      ]);
    } else if (this.drag.kind === "pan" && this.zoomed) {
      const [fx, fy] = this.drag.from;
      const [bx, by, bw, bh] = this.drag.box;
      const unit = this.unit;
      this.zoomTo([
        bx - (event.clientX - fx) * unit, by - (event.clientY - fy) * unit, bw, bh,
      ]);
    } else if (this.drag.kind === "handle") {
      if (!this.drag.known && this.mode === "correct") this.remember();
      this.drag.known = true;
      this.moveHandle(this.drag.key, at.map((value, k) => value + this.drag.off[k]));
    } else if (this.drag.kind === "stroke") {
      const { stroke } = this.drag;
      const point = mapped(this.toSheet, at);
      if (stroke.erased) stroke.points[1] = [point[0], stroke.points[0][1]];
      else this.extend(stroke, point);
      this.drawTools();
    }
  }

  // A curve has one height at a time: going back over it draws it anew.
  extend(stroke, point) {
    const last = stroke.points[stroke.points.length - 1];
    const [low, high] = [Math.min(last[0], point[0]), Math.max(last[0], point[0])];
    const others = stroke.points.filter((one) => one === last || one[0] < low || one[0] > high);
    stroke.points = [...others.filter((one) => one !== last || last[0] !== point[0]), point];
  }

  release(event) {
    if (!this.pointers.delete(event.pointerId) || !this.drag) return;
    const { kind, from, place, stroke } = this.drag;
    if (kind === "stroke") {
      const xs = stroke.points.map(([x]) => x);
      // Shorter than 20 ms it was a click.
      if (Math.max(...xs) - Math.min(...xs) < 0.02 * this.data.pxPerS) {
        this.edits.strokes.pop();
        this.history.pop();
      } else if (!stroke.erased) stroke.points.sort((one, other) => one[0] - other[0]);
    }
    if (kind === "pan" && place && this.pointers.size === 0) {
      const moved = Math.hypot(event.clientX - from[0], event.clientY - from[1]);
      if (moved < CLICK_PX) this.choose(place.dataset.lead);
    }
    if (this.pointers.size === 0) this.drag = null;
    this.redraw();
  }

  spread() {
    const [[ax, ay], [bx, by]] = [...this.pointers.values()];
    return { apart: Math.hypot(bx - ax, by - ay), x: (ax + bx) / 2, y: (ay + by) / 2 };
  }

  moveHandle(key, to) {
    const handle = this.handles().find((one) => one.key === key);
    if (!handle) return;
    handle.move(to);
    if (this.mode === "correct") this.drawBase();
    this.drawTools();
  }

  wheel(event) {
    // Without a key the page scrolls, as everywhere else.
    if (!event.ctrlKey && !event.metaKey && !document.fullscreenElement) return;
    event.preventDefault();
    this.zoomBy(event.deltaY < 0 ? 1.15 : 1 / 1.15, this.at(event));
  }

  key(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = arrows[event.key];
    const held = event.target.closest ? event.target.closest("[data-handle]") : null;
    if (way && held) {
      event.preventDefault();
      const handle = this.handles().find((one) => one.key === held.dataset.handle);
      const step = (event.shiftKey ? 10 : 1) * this.unit;
      if (this.mode === "correct") this.remember();
      this.moveHandle(handle.key, handle.at.map((value, k) => value + step * way[k]));
      if (this.mode === "correct") this.drawBars();
    } else if (way && this.zoomed) {
      event.preventDefault();
      const [x, y, w, h] = this.box;
      this.zoomTo([x + 0.1 * w * way[0], y + 0.1 * h * way[1], w, h]);
    } else if (event.key === "+" || event.key === "=") this.zoomBy(STEP_ZOOM);
    else if (event.key === "-") this.zoomBy(1 / STEP_ZOOM);
    else if (event.key === "0") this.zoomTo([0, 0, this.data.width, this.data.height]);
  }

  // ------------------------------------------------------------------ zoom

  get zoomed() {
    return this.box[2] < this.data.width * 0.999;
  }

  zoomBy(factor, about = null) {
    const [x, y, w, h] = this.box;
    const [cx, cy] = about || [x + w / 2, y + h / 2];
    this.zoomTo([cx - (cx - x) / factor, cy - (cy - y) / factor, w / factor, h / factor]);
  }

  zoomTo([x, y, w]) {
    const { width, height } = this.data;
    const wide = Math.min(width, Math.max(width / MOST_ZOOM, w));
    const high = (wide * height) / width;
    this.box = [
      Math.min(Math.max(0, x), width - wide),
      Math.min(Math.max(0, y), height - high),
      wide,
      high,
    ];
    this.svg.setAttribute("viewBox", this.box.map((value) => value.toFixed(2)).join(" "));
    // One finger scrolls the page as long as nothing else is meant.
    this.svg.style.touchAction = this.zoomed || this.mode !== "look" ? "none" : "pan-y";
    this.drawTools();
  }

  // ------------------------------------------------------------------ corrections

  choose(name) {
    this.selected = name;
    this.redraw();
    if (this.mode !== "correct") this.select(name);
  }

  // With the keyboard a part is drawn, or erased, by moving its points.
  begin(lead) {
    if (this.tool !== "draw" && this.tool !== "erase") return;
    this.remember();
    const third = (lead.right - lead.left) / 3;
    const n = this.tool === "erase" ? 2 : KNOTS;
    const points = Array.from({ length: n }, (_, k) => [
      lead.left + third * (1 + k / (n - 1)),
      lead.baseline,
    ]);
    const erased = this.tool === "erase";
    this.edits.strokes.push({ lead: lead.name, erased, knots: !erased, points });
    this.redraw();
  }

  remember() {
    this.history.push(
      JSON.stringify({ edits: this.edits, leads: this.leads.map((lead) => this.placeOf(lead)) }),
    );
  }

  placeOf({ name, title, left, right, baseline, moved }) {
    return { name, title, left, right, baseline, moved };
  }

  undo() {
    const before = JSON.parse(this.history.pop());
    this.edits = before.edits;
    this.leads = this.leads.map((lead, k) => ({ ...lead, ...before.leads[k] }));
    if (!this.leads.some((lead) => lead.name === this.selected)) this.selected = null;
    this.redraw();
  }

  rename(lead, name) {
    const other = this.leads.find((one) => one.name === name);
    if (!other || other === lead) return;
    this.remember();
    this.edits.swaps.push([lead.name, name]);
    this.edits.strokes.forEach((stroke) => {
      if (stroke.lead === lead.name) stroke.lead = name;
      else if (stroke.lead === name) stroke.lead = lead.name;
    });
    [lead.name, other.name] = [other.name, lead.name];
    [lead.title, other.title] = [other.title, lead.title];
    this.selected = name;
    this.redraw();
  }

  apply() {
    const strokes = this.edits.strokes.map(({ lead, erased, points }) => ({
      lead,
      erased,
      points: points.map((point) => this.picture(point)),
    }));
    const leads = this.leads
      .filter((lead) => lead.moved)
      .map(({ name, left, right, baseline }) => ({
        name,
        ends: [this.picture([left, baseline]), this.picture([right, baseline])],
      }));
    const { corners, swaps } = this.edits;
    this.trigger("correction", { of: this.data.id, corners, swaps, leads, strokes });
    this.mode = "look";
    this.startOver();
    this.redraw();
    this.status.textContent = t("Reading again\u2026");
  }
}
