// The picture with its regions: zoom, light, drawing and the pointer. What a drag means is decided by the tool.

import { clamp, el, inkOn, svg, tidy } from "./dom.js";
import * as geo from "./geometry.js";

const HANDLES = [
  ["nw", 0, 0], ["n", 0.5, 0], ["ne", 1, 0], ["e", 1, 0.5], ["se", 1, 1], ["s", 0.5, 1], ["sw", 0, 1], ["w", 0, 0.5],
];
const ARROWS = { n: "ns", s: "ns", e: "ew", w: "ew", nw: "nwse", se: "nwse", ne: "nesw", sw: "nesw" };
const MAX_TAGS = 120; // more name tags than this only cover the picture
const TURN_AT = 26; // screen pixels above a box: the handle that turns it

export class PictureStage {
  constructor(editor) {
    this.editor = editor;
    this.zoom = { k: 1, x: 0, y: 0, fitted: true };
    this.light = { brightness: 100, contrast: 100, invert: 0 };
    this.hidden = false;
    this.crosshair = true;
    this.brush = 24; // diameter in pixels of the image
    this.marks = new Map(); // region id -> {halo, line, region}
    this.tags = new Map();
    this.painted = new WeakMap(); // mask region -> its canvas
    this.drag = null;
    this.draft = null; // corners of a polygon or line that is being drawn
    this.pointer = null;
    this.build();
  }

  build() {
    this.image = el("img", { class: "picture", draggable: "false", alt: "", crossorigin: "anonymous" });
    this.masks = el("canvas", { class: "masks", "aria-hidden": "true" });
    this.overlay = svg("svg", { class: "overlay", "aria-hidden": "true" });
    this.layer = svg("g");
    this.relations = svg("g", { class: "relations" });
    this.shadow = svg("path", { class: "draft", "vector-effect": "non-scaling-stroke", visibility: "hidden" });
    this.corners = svg("g", { class: "handles" });
    this.handles = svg("g", { class: "handles" });
    this.ring = svg("circle", { class: "ring", visibility: "hidden" });
    this.crossX = svg("line", { class: "cross" });
    this.crossY = svg("line", { class: "cross" });
    this.overlay.append(this.layer, this.relations, this.crossX, this.crossY, this.handles, this.corners, this.ring);
    this.tagLayer = el("div", { class: "tags", "aria-hidden": "true" });
    this.note = el("div", { class: "note", hidden: true });
    this.node = el("div", {
      class: "stage", tabindex: "0", role: "application", "aria-label": "Image: draw and edit regions. Press question mark for the keys.",
    }, this.image, this.masks, this.overlay, this.tagLayer, this.note);
    const on = (name, action, options) => this.node.addEventListener(name, action, options);
    on("pointerdown", (e) => this.pointerdown(e));
    on("pointermove", (e) => this.pointermove(e));
    on("pointerup", (e) => this.pointerup(e));
    on("pointercancel", () => this.cancel());
    on("pointerleave", () => this.leave());
    on("dblclick", () => this.draft && this.closeDraft());
    on("wheel", (e) => this.wheel(e), { passive: false });
    on("blur", () => this.space(false));
    on("auxclick", (e) => e.preventDefault());
    on("contextmenu", (e) => this.painting() && e.preventDefault());
    this.image.addEventListener("load", () => this.loaded());
    this.image.addEventListener("error", () => this.failed());
    this.observer = new ResizeObserver(() => (this.zoom.fitted ? this.fit() : this.place()));
    this.observer.observe(this.node);
  }

  destroy() {
    this.observer.disconnect();
  }

  get size() {
    return { width: this.editor.item.width, height: this.editor.item.height };
  }

  get grain() {
    return this.zoom.k > 3 ? 10 : 1;
  }

  // -- the picture ---------------------------------------------------------------------------------------------------

  show(item) {
    this.cancel();
    this.zoom.fitted = true;
    this.load(item.image);
  }

  load(url) {
    this.editor.root.dataset.state = "loading";
    this.note.hidden = true;
    const { width, height } = this.size;
    for (const node of [this.image, this.masks]) {
      node.style.width = `${width}px`;
      node.style.height = `${height}px`;
    }
    this.masks.width = width;
    this.masks.height = height;
    this.drawnMasks = null;
    if (url) this.image.src = url;
    else this.failed("There is no picture to show for this image.");
    if (this.image.complete && this.image.naturalWidth) this.loaded();
    this.fit();
  }

  loaded() {
    this.editor.root.dataset.state = "ready";
    this.note.hidden = true;
    this.image.style.visibility = "";
  }

  failed(text) {
    this.editor.root.dataset.state = "failed";
    this.image.style.visibility = "hidden";
    this.note.hidden = false;
    this.note.textContent = text || "The picture cannot be shown. Redact the collection first, or check the workspace.";
  }

  setLight(values) {
    this.light = { ...this.light, ...values };
    const { brightness, contrast, invert } = this.light;
    const plain = brightness === 100 && contrast === 100 && !invert;
    this.image.style.filter = plain ? "" : `brightness(${brightness}%) contrast(${contrast}%) invert(${invert ? 1 : 0})`;
  }

  // -- zoom ----------------------------------------------------------------------------------------------------------

  fit() {
    const { clientWidth, clientHeight } = this.node;
    if (!clientWidth || !this.editor.item) return;
    const { width, height } = this.size;
    this.frameOn({ x: 0, y: 0, w: width, h: height }, 28, 12);
    this.zoom.fitted = true;
  }

  // Show a rectangle of the image, with a margin in screen pixels.
  frameOn({ x, y, w, h }, margin, most) {
    const { clientWidth, clientHeight } = this.node;
    const k = clamp(Math.min((clientWidth - margin) / Math.max(1, w), (clientHeight - margin) / Math.max(1, h)), 0.02, most);
    this.zoom = { k, x: clientWidth / 2 - (x + w / 2) * k, y: clientHeight / 2 - (y + h / 2) * k, fitted: false };
    this.place();
  }

  // Bring a region into view: near it, with some of what is around it.
  lookAt(region) {
    const b = geo.bounds(region);
    const around = Math.max(b.w, b.h, 40);
    this.frameOn({ x: b.x - around / 2, y: b.y - around / 2, w: b.w + around, h: b.h + around }, 40, 6);
  }

  zoomTo(k) {
    this.zoomBy(k / this.zoom.k);
  }

  zoomBy(factor, at) {
    const { k, x, y } = this.zoom;
    const next = clamp(k * factor, 0.02, 40);
    const cx = at?.x ?? this.node.clientWidth / 2;
    const cy = at?.y ?? this.node.clientHeight / 2;
    this.zoom = { k: next, x: cx - ((cx - x) * next) / k, y: cy - ((cy - y) * next) / k, fitted: false };
    this.place();
  }

  wheel(e) {
    e.preventDefault();
    e.stopPropagation();
    const step = e.deltaMode === 1 ? e.deltaY * 16 : e.deltaY;
    this.zoomBy(Math.exp(-clamp(step, -240, 240) / 420), this.onStage(e));
  }

  onStage(e) {
    const rect = this.node.getBoundingClientRect();
    return { x: e.clientX - rect.left - this.node.clientLeft, y: e.clientY - rect.top - this.node.clientTop };
  }

  // Place in the image under the pointer: whole pixels, tenths when zoomed in far enough to see them.
  toImage(at, exact = false) {
    const x = (at.x - this.zoom.x) / this.zoom.k;
    const y = (at.y - this.zoom.y) / this.zoom.k;
    if (exact) return [x, y];
    return [Math.round(x * this.grain) / this.grain, Math.round(y * this.grain) / this.grain];
  }

  within([x, y]) {
    return [clamp(x, 0, this.size.width), clamp(y, 0, this.size.height)];
  }

  toScreen([x, y]) {
    return [this.zoom.x + x * this.zoom.k, this.zoom.y + y * this.zoom.k];
  }

  // -- pointer -------------------------------------------------------------------------------------------------------

  painting() {
    return this.editor.tool === "mask" || this.editor.tool === "erase";
  }

  pointerdown(e) {
    const { editor } = this;
    const at = this.onStage(e);
    const exact = this.toImage(at, true);
    const p = this.within(this.toImage(at));
    this.node.focus({ preventScroll: true });
    if (e.button === 1 || (e.button === 0 && this.panning)) {
      e.preventDefault();
      this.drag = { kind: "pan", at, zoom: { ...this.zoom } };
    } else if (editor.readOnly) {
      if (e.button === 0) editor.select(this.hit(exact)?.id ?? null);
    } else if (this.painting() && (e.button === 0 || e.button === 2)) {
      this.startStroke(exact, editor.tool === "erase" || e.button === 2 || e.altKey);
    } else if (e.button === 0) this.startDrag(e, at, exact, p);
    if (this.drag) this.node.setPointerCapture(e.pointerId);
    this.cursor(at);
  }

  startDrag(e, at, exact, p) {
    const { editor } = this;
    const region = editor.region();
    const grip = e.shiftKey ? null : this.gripAt(at);
    if (this.draft) return this.addCorner(p, at);
    if (editor.joining) {
      const other = this.hit(exact);
      return other ? editor.join(other.id) : editor.stopJoining("No region there");
    }
    if (grip?.kind === "corner" && e.altKey) return this.dropCorner(region, grip.index);
    if (grip) this.drag = { kind: grip.kind, ...grip, start: region, now: region, at };
    else if (region && !this.hidden && !e.shiftKey && geo.holds(region, ...exact, 3 / this.zoom.k)) {
      this.drag = { kind: "move", from: exact, start: region, now: region, at };
    } else if (editor.tool === "select") editor.select(this.hit(exact)?.id ?? null);
    else if (editor.tool === "point") {
      if (!e.shiftKey && this.hit(exact)?.shape === "point") editor.select(this.hit(exact).id);
      else editor.add({ shape: "point", x: p[0], y: p[1] });
    } else if (editor.tool === "polygon" || editor.tool === "polyline" || editor.tool === "scissors") {
      this.startDraft(p);
    } else if (editor.tool === "wand") editor.assist("flood", { x: p[0], y: p[1] });
    else this.drag = { kind: "draw", from: p, at };
  }

  pointermove(e) {
    const at = this.onStage(e);
    this.pointer = at;
    const { drag, editor } = this;
    const p = this.within(this.toImage(at));
    if (drag && !drag.moved) drag.moved = Math.hypot(at.x - drag.at.x, at.y - drag.at.y) > (drag.kind === "move" ? 3 : drag.kind === "draw" ? 4 : 0);
    if (!drag) {
      const over = this.hit(this.toImage(at, true))?.id ?? null;
      if (over !== this.hovered) {
        this.hovered = over;
        this.draw();
      }
      if (this.draft) this.place();
    } else if (drag.kind === "pan") {
      this.zoom = { ...drag.zoom, x: drag.zoom.x + at.x - drag.at.x, y: drag.zoom.y + at.y - drag.at.y, fitted: false };
      this.place();
    } else if (drag.kind === "stroke") {
      for (const event of e.getCoalescedEvents?.() || [e]) this.stroke(this.toImage(this.onStage(event), true));
    } else {
      if (drag.kind === "move" && drag.moved) {
        const [x, y] = this.toImage(at, true);
        const step = (v) => Math.round(v * this.grain) / this.grain;
        drag.now = { ...drag.start, ...geo.moved(drag.start, step(x - drag.from[0]), step(y - drag.from[1]), this.size) };
      } else if (drag.kind === "resize") {
        const q = drag.start.rotation ? this.toImage(at) : p;
        drag.now = { ...drag.start, ...geo.resized(drag.start, drag.handle, q, this.size) };
      } else if (drag.kind === "turn") {
        const [cx, cy] = geo.centre(drag.start);
        const [x, y] = this.toImage(at, true);
        const angle = (Math.atan2(y - cy, x - cx) * 180) / Math.PI + 90;
        const grid = e.shiftKey ? 15 : 0.1;
        drag.now = { ...drag.start, rotation: tidy((Math.round(angle / grid) * grid + 360) % 360) };
      } else if (drag.kind === "corner") {
        drag.now = { ...drag.start, points: drag.start.points.map((q, i) => (i === drag.index ? p : q)) };
      } else if (drag.kind === "edge") {
        const points = [...drag.start.points];
        points.splice(drag.index + 1, 0, p);
        drag.now = { ...drag.start, points };
      } else if (drag.kind === "draw") {
        drag.rect = geo.bounded({ x: drag.from[0], y: drag.from[1], w: p[0] - drag.from[0], h: p[1] - drag.from[1] }, this.size);
      }
      this.place();
    }
    this.cursor(at);
    this.showCross();
    this.showRing();
    this.editor.showCoords(this.toImage(at), drag?.rect ? { shape: "box", ...drag.rect } : drag?.now);
  }

  pointerup(e) {
    const { drag, editor } = this;
    this.drag = null;
    if (!drag) return;
    const at = this.onStage(e);
    if (drag.kind === "stroke") this.endStroke();
    else if (drag.kind === "draw") {
      const { rect } = drag;
      if (!drag.moved || !rect || rect.w < 1 || rect.h < 1) editor.select(this.hit(this.toImage(at, true))?.id ?? null);
      else if (editor.tool === "grab") editor.assist("grab", rect);
      else if (editor.tool === "ellipse") editor.add({ shape: "ellipse", ...geo.fromFrame({ shape: "ellipse" }, rect) });
      else editor.add({ shape: "box", ...rect });
    } else if (drag.kind !== "pan" && drag.moved) {
      if (drag.now !== drag.start) editor.replace(drag.start.id, drag.now);
      editor.select(drag.start.id);
    } else if (drag.kind === "move") editor.select(this.hit(this.toImage(at, true))?.id ?? null); // a click picks the smallest here
    this.place();
    this.cursor(at);
  }

  cancel() {
    this.drag = null;
    this.draft = null;
    this.canvas = null;
    this.editor.joining = false;
    if (this.editor.document) this.place();
  }

  leave() {
    this.pointer = null;
    if (this.hovered && !this.drag) {
      this.hovered = null;
      this.draw();
    }
    this.showCross();
    this.showRing();
    this.editor.showCoords(null);
  }

  // The smallest region under a point: a small one inside a large one can always be reached.
  hit([x, y]) {
    if (this.hidden) return undefined;
    const slack = 3 / this.zoom.k;
    const under = this.editor.shown().filter((r) => geo.holds(r, x, y, slack));
    return under.sort((a, b) => geo.area(a) - geo.area(b))[0];
  }

  // What can be pulled under the pointer: a corner, the middle of an edge, a handle, the handle that turns.
  gripAt(at) {
    const region = this.editor.region();
    if (!region || this.hidden || this.editor.readOnly || this.draft) return null;
    const near = (p, reach = 8) => {
      const [x, y] = this.toScreen(p);
      const distance = Math.max(Math.abs(x - at.x), Math.abs(y - at.y));
      return distance <= reach ? distance : null;
    };
    let best = null;
    const offer = (distance, grip) => {
      if (distance !== null && (!best || distance < best.distance)) best = { ...grip, distance };
    };
    if (region.points) {
      region.points.forEach((p, index) => offer(near(p), { kind: "corner", index }));
      if (best) return best;
      this.middles(region).forEach((p, index) => offer(near(p, 7), { kind: "edge", index }));
      return best;
    }
    if (!geo.TURNED.includes(region.shape)) return null;
    for (const [handle, fx, fy] of HANDLES) offer(near(this.handlePoint(region, fx, fy)), { kind: "resize", handle });
    if (!best) offer(near(this.turnPoint(region), 9), { kind: "turn" });
    return best;
  }

  handlePoint(region, fx, fy) {
    const f = geo.frame(region);
    return geo.turn([f.x + f.w * fx, f.y + f.h * fy], region.rotation || 0, [f.x + f.w / 2, f.y + f.h / 2]);
  }

  turnPoint(region) {
    const f = geo.frame(region);
    return geo.turn([f.x + f.w / 2, f.y - TURN_AT / this.zoom.k], region.rotation || 0, [f.x + f.w / 2, f.y + f.h / 2]);
  }

  middles(region) {
    const { points } = region;
    const count = region.shape === "polygon" ? points.length : points.length - 1;
    return [...Array(count).keys()].map((i) => {
      const q = points[(i + 1) % points.length];
      return [(points[i][0] + q[0]) / 2, (points[i][1] + q[1]) / 2];
    });
  }

  cursor(at) {
    const { drag, editor } = this;
    const grip = !drag && this.gripAt(at);
    const region = editor.region();
    let cursor = editor.readOnly || editor.tool === "select" ? "default" : "crosshair";
    if (drag?.kind === "pan") cursor = "grabbing";
    else if (this.panning) cursor = "grab";
    else if (this.painting() && !drag) cursor = "none";
    else if (drag?.kind === "stroke") cursor = "none";
    else if ((drag?.kind || grip?.kind) === "resize" && !region?.rotation) cursor = `${ARROWS[drag?.handle || grip.handle]}-resize`;
    else if (drag?.kind === "turn" || grip?.kind === "turn") cursor = "alias";
    else if (grip) cursor = "pointer";
    else if (drag?.kind === "move" || (!drag && !this.draft && region && !this.hidden && geo.holds(region, ...this.toImage(at, true)))) cursor = "move";
    this.node.style.cursor = cursor;
  }

  space(down) {
    if (this.panning === down) return;
    this.panning = down;
    if (this.pointer) this.cursor(this.pointer);
  }

  // -- corners of polygons and lines -----------------------------------------------------------------------------------

  startDraft(p) {
    this.draft = { shape: this.editor.tool === "polyline" ? "polyline" : "polygon", points: [p], scissors: this.editor.tool === "scissors" };
    this.place();
    this.editor.draw();
  }

  async addCorner(p, at) {
    const { draft } = this;
    const first = this.toScreen(draft.points[0]);
    if (draft.points.length > 2 && Math.hypot(first[0] - at.x, first[1] - at.y) < 10) return this.closeDraft();
    const last = draft.points[draft.points.length - 1];
    if (p[0] === last[0] && p[1] === last[1]) return undefined;
    if (!draft.scissors) draft.points.push(p);
    else { // the server finds the way along the edges of the picture
      const way = await this.editor.scissors(last, p);
      if (this.draft === draft) draft.points.push(...(way || [p]));
    }
    this.place();
    return undefined;
  }

  removeCorner() {
    this.draft.points.pop();
    if (!this.draft.points.length) this.draft = null;
    this.place();
    this.editor.draw();
  }

  closeDraft() {
    const { draft } = this;
    this.draft = null;
    const distinct = draft.points.filter((p, i) => !i || p.join() !== draft.points[i - 1].join());
    if (distinct.length >= (draft.shape === "polygon" ? 3 : 2)) this.editor.add({ shape: draft.shape, points: distinct });
    else this.editor.say("Too few points");
    this.place();
    this.editor.draw();
  }

  dropCorner(region, index) {
    if (region.points.length <= (region.shape === "polygon" ? 3 : 2)) return this.editor.say("It needs its last corners");
    return this.editor.replace(region.id, { points: region.points.filter((_, i) => i !== index) });
  }

  // -- brush ---------------------------------------------------------------------------------------------------------

  startStroke(p, erase) {
    const { editor } = this;
    const region = editor.region();
    const extend = region?.shape === "mask" && (erase || region.label === editor.active);
    if (erase && !extend) return editor.say("Select a brush mask to erase from");
    const canvas = document.createElement("canvas");
    canvas.width = this.size.width;
    canvas.height = this.size.height;
    const paint = canvas.getContext("2d", { willReadFrequently: true });
    paint.fillStyle = paint.strokeStyle = "#000";
    if (extend) geo.runs(region, (x, y, length) => paint.fillRect(x, y, length, 1));
    paint.lineCap = paint.lineJoin = "round";
    paint.lineWidth = this.brush;
    paint.globalCompositeOperation = erase ? "destination-out" : "source-over";
    this.canvas = { canvas, paint, id: extend ? region.id : null };
    this.drag = { kind: "stroke", at: this.pointer || { x: 0, y: 0 }, last: p };
    this.stroke(p);
    return undefined;
  }

  stroke(p) {
    const { paint } = this.canvas;
    paint.beginPath();
    paint.moveTo(...this.drag.last);
    paint.lineTo(p[0] + 0.001, p[1]);
    paint.stroke();
    this.drag.last = p;
    this.drawMasks();
  }

  endStroke() {
    const { canvas, paint, id } = this.canvas;
    this.canvas = null;
    const mask = geo.maskOf(paint.getImageData(0, 0, canvas.width, canvas.height));
    if (id && mask) this.editor.replace(id, mask);
    else if (id) this.editor.remove(id);
    else if (mask) this.editor.add(mask);
    this.drawMasks();
  }

  resizeBrush(factor) {
    this.brush = clamp(Math.round(this.brush * factor + Math.sign(factor - 1)), 1, 400);
    this.showRing();
    this.editor.say(`Brush of ${this.brush} pixels`);
  }

  showRing() {
    const on = this.pointer && this.painting() && !this.panning && !this.editor.readOnly;
    this.ring.setAttribute("visibility", on ? "visible" : "hidden");
    if (!on) return;
    this.ring.setAttribute("cx", this.pointer.x);
    this.ring.setAttribute("cy", this.pointer.y);
    this.ring.setAttribute("r", Math.max(1, (this.brush / 2) * this.zoom.k));
  }

  // -- drawing -------------------------------------------------------------------------------------------------------

  draw() {
    const { editor } = this;
    const seen = new Set();
    for (const region of editor.shown()) {
      seen.add(region.id);
      let mark = this.marks.get(region.id);
      if (!mark) {
        const tag = region.shape === "point" ? "circle" : "path";
        mark = { halo: svg(tag, { class: "halo", "vector-effect": "non-scaling-stroke" }), line: svg(tag, { class: "region", "vector-effect": "non-scaling-stroke" }) };
        this.marks.set(region.id, mark);
        this.layer.append(mark.halo, mark.line);
      }
      const look = [region.shape, editor.color(region.label), region.id === editor.selected, region.id === this.hovered, editor.isProposal(region)].join();
      if (mark.look !== look) {
        mark.look = look;
        const color = editor.color(region.label);
        mark.line.style.stroke = color;
        mark.line.style.fill = region.shape === "polyline" ? "none" : color;
        for (const node of [mark.halo, mark.line]) {
          node.classList.toggle("selected", region.id === editor.selected);
          node.classList.toggle("hovered", region.id === this.hovered);
          node.classList.toggle("proposed", editor.isProposal(region));
          node.classList.toggle("thin", region.shape === "mask");
        }
      }
    }
    for (const [id, { halo, line }] of this.marks) {
      if (seen.has(id)) continue;
      halo.remove();
      line.remove();
      this.marks.delete(id);
    }
    const top = this.marks.get(editor.selected);
    if (top && this.layer.lastChild !== top.line) this.layer.append(top.halo, top.line);
    this.layer.append(this.shadow);
    for (const node of [this.layer, this.masks, this.relations]) node.style.display = this.hidden ? "none" : "";
    this.drawMasks();
    this.place();
  }

  // Masks are pixels: each is painted once into a small canvas of its own, and all of them onto one over the picture.
  drawMasks() {
    const { editor } = this;
    const list = editor.shown().filter((r) => r.shape === "mask");
    const sign = list.map((r) => r.id + editor.color(r.label) + (r.id === editor.selected)).join();
    if (!this.canvas && this.drawnMasks?.sign === sign && this.drawnMasks.list.every((r, i) => r === list[i])) return;
    this.drawnMasks = this.canvas ? null : { sign, list };
    const paint = this.masks.getContext("2d");
    paint.clearRect(0, 0, this.masks.width, this.masks.height);
    for (const r of list) {
      if (r.id === this.canvas?.id) continue;
      paint.globalAlpha = r.id === editor.selected ? 0.62 : 0.42;
      paint.drawImage(this.paintedMask(r), r.x, r.y);
    }
    if (this.canvas) {
      paint.globalAlpha = 0.55;
      paint.drawImage(this.canvas.canvas, 0, 0);
      paint.globalAlpha = 1;
      paint.globalCompositeOperation = "source-atop";
      paint.fillStyle = `color-mix(in srgb, ${editor.color(editor.region(this.canvas.id)?.label ?? editor.active)} 55%, transparent)`;
      paint.fillRect(0, 0, this.masks.width, this.masks.height);
      paint.globalCompositeOperation = "source-over";
    }
    paint.globalAlpha = 1;
  }

  paintedMask(region) {
    const color = this.editor.color(region.label);
    const known = this.painted.get(region);
    if (known?.color === color) return known.canvas;
    const canvas = document.createElement("canvas");
    canvas.width = region.w;
    canvas.height = region.h;
    const paint = canvas.getContext("2d");
    paint.fillStyle = color;
    geo.runs(region, (x, y, length) => paint.fillRect(x - region.x, y - region.y, length, 1));
    this.painted.set(region, { canvas, color });
    return canvas;
  }

  // Put picture, regions, handles and tags where zoom and drag say.
  place() {
    const { k, x, y } = this.zoom;
    const { editor } = this;
    const transform = `translate(${x}px, ${y}px) scale(${k})`;
    for (const node of [this.image, this.masks]) {
      node.style.transform = transform;
      node.style.imageRendering = k > 3 ? "pixelated" : "";
    }
    this.layer.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
    editor.showZoom(k);
    if (!editor.document) return;
    const now = this.drag?.now;
    const shown = now ? editor.shown().map((r) => (r.id === now.id ? now : r)) : editor.shown();
    for (const region of shown) {
      const mark = this.marks.get(region.id);
      if (!mark || (mark.region === region && (region.shape !== "point" || mark.k === k))) continue; // nothing of it has changed
      mark.region = region;
      mark.k = k;
      for (const node of [mark.halo, mark.line]) {
        if (region.shape === "point") {
          node.setAttribute("cx", region.x);
          node.setAttribute("cy", region.y);
          node.setAttribute("r", 5 / k);
        } else node.setAttribute("d", geo.path(region));
      }
    }
    this.placeShadow();
    const selected = shown.find((r) => r.id === editor.selected);
    this.placeHandles(selected);
    this.placeTags(shown);
    this.placeRelations(shown);
    this.showCross();
    this.showRing();
  }

  placeShadow() {
    const { drag, draft, editor } = this;
    let region = null;
    if (drag?.kind === "draw" && drag.moved && drag.rect) {
      region = editor.tool === "ellipse" ? { shape: "ellipse", ...geo.fromFrame({ shape: "ellipse" }, drag.rect) } : { shape: "box", ...drag.rect };
    } else if (draft) {
      const end = this.pointer ? [this.within(this.toImage(this.pointer))] : [];
      region = { shape: "polyline", points: [...draft.points, ...end] };
    }
    this.shadow.setAttribute("visibility", region ? "visible" : "hidden");
    if (!region) return;
    this.shadow.setAttribute("d", geo.path(region));
    this.shadow.style.stroke = editor.color(editor.active);
    this.shadow.style.fill = draft ? "none" : editor.color(editor.active);
  }

  placeHandles(region) {
    const wanted = region && !this.hidden && !this.editor.readOnly && !this.draft && !this.painting();
    const points = this.draft ? this.draft.points : wanted && region.points;
    const corners = points ? points.map((p, i) => ({ p, cls: !i && this.draft ? "handle first" : "handle", round: true })) : [];
    if (wanted && region.points && !this.draft && region.points.length < 60) {
      corners.push(...this.middles(region).map((p) => ({ p, cls: "handle middle", round: true })));
    }
    const color = this.editor.color(this.draft ? this.editor.active : region?.label);
    while (this.corners.childNodes.length > corners.length) this.corners.lastChild.remove();
    corners.slice(0, 1500).forEach(({ p, cls }, i) => {
      const node = this.corners.childNodes[i] || this.corners.appendChild(svg("circle"));
      const [cx, cy] = this.toScreen(p);
      node.setAttribute("class", cls);
      node.setAttribute("cx", cx);
      node.setAttribute("cy", cy);
      node.setAttribute("r", cls.endsWith("middle") ? 3.2 : 5);
      node.style.stroke = color;
    });
    const frame = wanted && geo.TURNED.includes(region.shape);
    this.handles.style.display = frame ? "" : "none";
    if (!frame) return;
    if (!this.handles.childNodes.length) {
      this.handles.append(svg("line", { class: "stem" }));
      for (const [name] of HANDLES) this.handles.append(svg("rect", { class: `handle ${name}`, width: 9, height: 9, rx: 2 }));
      this.handles.append(svg("circle", { class: "handle turn", r: 5 }));
    }
    const [stem, ...rest] = this.handles.childNodes;
    HANDLES.forEach(([, fx, fy], i) => {
      const [hx, hy] = this.toScreen(this.handlePoint(region, fx, fy));
      rest[i].setAttribute("x", hx - 4.5);
      rest[i].setAttribute("y", hy - 4.5);
      rest[i].style.stroke = color;
    });
    const [tx, ty] = this.toScreen(this.turnPoint(region));
    const [nx, ny] = this.toScreen(this.handlePoint(region, 0.5, 0));
    const turner = rest[HANDLES.length];
    turner.setAttribute("cx", tx);
    turner.setAttribute("cy", ty);
    turner.style.stroke = stem.style.stroke = color;
    ["x1", "y1", "x2", "y2"].forEach((name, i) => stem.setAttribute(name, [nx, ny, tx, ty][i]));
  }

  placeTags(shown) {
    const { editor } = this;
    const few = shown.length <= MAX_TAGS;
    const wanted = this.hidden ? [] : shown.filter((r) => few || r.id === editor.selected || r.id === this.hovered);
    const keep = new Set(wanted.map((r) => r.id));
    for (const [id, tag] of this.tags) {
      if (keep.has(id)) continue;
      tag.remove();
      this.tags.delete(id);
    }
    for (const region of wanted) {
      let tag = this.tags.get(region.id);
      if (!tag) {
        tag = el("span", { class: "tag" });
        this.tags.set(region.id, tag);
        this.tagLayer.append(tag);
      }
      const text = editor.isProposal(region) && region.score != null ? `${region.label} ${region.score.toFixed(2)}` : region.label;
      if (tag.textContent !== text) tag.textContent = text;
      const color = editor.color(region.label);
      tag.style.background = color;
      tag.style.color = inkOn(color);
      tag.classList.toggle("selected", region.id === editor.selected);
      const b = geo.bounds(region);
      const [left, top] = this.toScreen([b.x, b.y]);
      const lift = region.shape === "point" ? 26 : 18;
      tag.style.transform = `translate(${Math.round(left - 1)}px, ${Math.round(top < lift + 1 ? top + 2 : top - lift)}px)`;
    }
  }

  placeRelations(shown) {
    const list = this.hidden ? [] : this.editor.document.relations || [];
    const byId = new Map(shown.map((r) => [r.id, r]));
    while (this.relations.childNodes.length > list.length) this.relations.lastChild.remove();
    list.forEach((relation, i) => {
      const node = this.relations.childNodes[i] || this.relations.appendChild(svg("path", { class: "relation" }));
      const [from, to] = [byId.get(relation.from), byId.get(relation.to)];
      if (!from || !to) return node.setAttribute("d", "");
      const [x1, y1] = this.toScreen(geo.centre(from));
      const [x2, y2] = this.toScreen(geo.centre(to));
      const angle = Math.atan2(y2 - y1, x2 - x1);
      const head = [-0.45, 0.45].map((a) => [x2 - 12 * Math.cos(angle + a), y2 - 12 * Math.sin(angle + a)]);
      return node.setAttribute("d", `M${x1} ${y1}L${x2} ${y2}M${head[0]}L${x2} ${y2}L${head[1]}`);
    });
  }

  showCross() {
    const on = this.crosshair && this.pointer && !this.editor.readOnly && this.drag?.kind !== "pan" && !this.panning && !this.painting();
    for (const line of [this.crossX, this.crossY]) line.style.display = on ? "" : "none";
    if (!on) return;
    const { x, y } = this.pointer;
    const { clientWidth: w, clientHeight: h } = this.node;
    for (const [line, values] of [[this.crossX, [0, y, w, y]], [this.crossY, [x, 0, x, h]]]) {
      ["x1", "y1", "x2", "y2"].forEach((name, i) => line.setAttribute(name, values[i]));
    }
  }

  // -- keys that only make sense on a picture --------------------------------------------------------------------------

  key(e, key) {
    const { editor } = this;
    const region = editor.region();
    if (this.draft) {
      if (key === "Enter") return this.closeDraft(), true;
      if (key === "Backspace" || key === "Delete") return this.removeCorner(), true;
      if (key === "Escape") return this.cancel(), editor.draw(), true;
    }
    if (key.startsWith("Arrow") && region) return this.nudge(e, region), true;
    if (e.altKey) return false;
    const actions = {
      "+": () => this.zoomBy(1.25), "=": () => this.zoomBy(1.25), "-": () => this.zoomBy(1 / 1.25), 0: () => this.fit(),
      " ": () => this.space(true),
      "[": () => (this.painting() ? this.resizeBrush(1 / 1.2) : this.turnBy(region, e.shiftKey ? -15 : -1)),
      "]": () => (this.painting() ? this.resizeBrush(1.2) : this.turnBy(region, e.shiftKey ? 15 : 1)),
      "{": () => this.turnBy(region, -15), "}": () => this.turnBy(region, 15),
      z: () => region && this.lookAt(region),
      h: () => this.toggleHidden(),
      c: () => this.toggleCross(),
      Insert: () => this.addInMiddle(),
    };
    if (!actions[key]) return false;
    if (!e.repeat || !["Insert", "h", "c"].includes(key)) actions[key]();
    return true;
  }

  nudge(e, region) {
    const by = e.shiftKey ? 10 : 1;
    const dx = { ArrowLeft: -by, ArrowRight: by }[e.key] || 0;
    const dy = { ArrowUp: -by, ArrowDown: by }[e.key] || 0;
    if (!e.altKey) return this.editor.replace(region.id, geo.moved(region, dx, dy, this.size), `nudge ${region.id}`);
    if (!geo.TURNED.includes(region.shape)) return undefined;
    const f = geo.frame(region);
    const rect = geo.bounded({ ...f, w: Math.max(1, f.w + dx), h: Math.max(1, f.h + dy) }, this.size);
    return this.editor.replace(region.id, geo.fromFrame(region, rect), `size ${region.id}`);
  }

  turnBy(region, degrees) {
    if (!region || !geo.TURNED.includes(region.shape)) return;
    this.editor.replace(region.id, { rotation: tidy(((region.rotation || 0) + degrees + 360) % 360) }, `turn ${region.id}`);
  }

  addInMiddle() {
    const { clientWidth, clientHeight } = this.node;
    const [x, y] = this.toImage({ x: clientWidth / 2, y: clientHeight / 2 });
    const side = Math.max(4, Math.round(Math.min(this.size.width, this.size.height) / 5));
    const { tool } = this.editor;
    if (tool === "point") return this.editor.add({ shape: "point", x, y });
    const rect = geo.bounded({ x: Math.round(x - side / 2), y: Math.round(y - side / 2), w: side, h: side }, this.size);
    if (tool === "ellipse") return this.editor.add({ shape: "ellipse", ...geo.fromFrame({ shape: "ellipse" }, rect) });
    if (tool === "polygon") return this.editor.add({ shape: "polygon", points: geo.corners({ shape: "box", ...rect }) });
    return this.editor.add({ shape: "box", ...rect });
  }

  toggleHidden() {
    this.hidden = !this.hidden;
    this.editor.draw();
    this.editor.say(this.hidden ? "Regions hidden" : "Regions shown");
  }

  toggleCross() {
    this.crosshair = !this.crosshair;
    this.editor.draw();
  }
}
