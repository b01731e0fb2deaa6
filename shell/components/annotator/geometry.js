// Shapes in pixels of the image: where they are, what lies under the pointer, how they move. See labeling/documents.py.

import { clamp, tidy } from "./dom.js";

export const TURNED = ["box", "ellipse"]; // shapes that have a rotation

const rad = (degrees) => (degrees * Math.PI) / 180;

export function turn([x, y], degrees, [cx, cy]) {
  if (!degrees) return [x, y];
  const [cos, sin] = [Math.cos(rad(degrees)), Math.sin(rad(degrees))];
  return [cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos];
}

export function centre(r) {
  if (r.shape === "box" || r.shape === "mask") return [r.x + r.w / 2, r.y + r.h / 2];
  if (r.shape === "ellipse" || r.shape === "point") return [r.x, r.y];
  const b = bounds(r);
  return [b.x + b.w / 2, b.y + b.h / 2];
}

// The rectangle that handles stand on: unturned, for a box and an ellipse.
export function frame(r) {
  if (r.shape === "ellipse") return { x: r.x - r.rx, y: r.y - r.ry, w: 2 * r.rx, h: 2 * r.ry };
  return { x: r.x, y: r.y, w: r.w, h: r.h };
}

export function corners(r) {
  const f = frame(r);
  const c = [f.x + f.w / 2, f.y + f.h / 2];
  return [[f.x, f.y], [f.x + f.w, f.y], [f.x + f.w, f.y + f.h], [f.x, f.y + f.h]].map((p) => turn(p, r.rotation || 0, c));
}

export function bounds(r) {
  if (r.shape === "point") return { x: r.x, y: r.y, w: 0, h: 0 };
  if (r.shape === "mask" || (r.shape === "box" && !r.rotation)) return { x: r.x, y: r.y, w: r.w, h: r.h };
  let points = r.points;
  if (r.shape === "box") points = corners(r);
  if (r.shape === "ellipse") {
    const a = rad(r.rotation || 0);
    const dx = Math.hypot(r.rx * Math.cos(a), r.ry * Math.sin(a));
    const dy = Math.hypot(r.rx * Math.sin(a), r.ry * Math.cos(a));
    return { x: r.x - dx, y: r.y - dy, w: 2 * dx, h: 2 * dy };
  }
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, w: Math.max(...xs) - x, h: Math.max(...ys) - y };
}

export function area(r) {
  if (r.shape === "box" || r.shape === "mask") return r.w * r.h;
  if (r.shape === "ellipse") return Math.PI * r.rx * r.ry;
  if (r.shape === "polygon") {
    return Math.abs(r.points.reduce((sum, [x1, y1], i) => {
      const [x2, y2] = r.points[(i + 1) % r.points.length];
      return sum + x1 * y2 - x2 * y1;
    }, 0)) / 2;
  }
  return 0;
}

// The path of a shape for an SVG `d`; points are drawn by their own marks, masks on a canvas (here: their rectangle).
export function path(r) {
  const list = (points, closed) => `M${points.map((p) => `${p[0]} ${p[1]}`).join("L")}${closed ? "Z" : ""}`;
  if (r.shape === "polygon") return list(r.points, true);
  if (r.shape === "polyline") return list(r.points, false);
  if (r.shape === "ellipse") {
    const a = r.rotation || 0;
    const [x1, y1] = turn([r.x - r.rx, r.y], a, [r.x, r.y]);
    const [x2, y2] = turn([r.x + r.rx, r.y], a, [r.x, r.y]);
    return `M${x1} ${y1}A${r.rx} ${r.ry} ${a} 0 1 ${x2} ${y2}A${r.rx} ${r.ry} ${a} 0 1 ${x1} ${y1}Z`;
  }
  return r.shape === "point" ? "" : list(corners(r), true);
}

export function holds(r, x, y, slack = 0) {
  if (r.shape === "point") return Math.hypot(r.x - x, r.y - y) <= slack + 4 * (slack / 3);
  if (r.shape === "polyline") return distanceToLine(r.points, x, y, false) <= 2 * slack;
  if (r.shape === "polygon") return insidePolygon(r.points, x, y) || distanceToLine(r.points, x, y, true) <= slack;
  const f = frame(r);
  const c = [f.x + f.w / 2, f.y + f.h / 2];
  const [px, py] = turn([x, y], -(r.rotation || 0), c);
  if (r.shape === "ellipse") return ((px - c[0]) / (r.rx + slack)) ** 2 + ((py - c[1]) / (r.ry + slack)) ** 2 <= 1;
  const within = px >= f.x - slack && py >= f.y - slack && px <= f.x + f.w + slack && py <= f.y + f.h + slack;
  return within && (r.shape !== "mask" || maskHas(r, Math.floor(x), Math.floor(y)));
}

function insidePolygon(points, x, y) {
  let within = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i, i += 1) {
    const [[x1, y1], [x2, y2]] = [points[i], points[j]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  }
  return within;
}

function onSegment([x1, y1], [x2, y2], x, y) {
  const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const t = length ? clamp(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length, 0, 1) : 0;
  return Math.hypot(x - x1 - t * (x2 - x1), y - y1 - t * (y2 - y1));
}

function distanceToLine(points, x, y, closed) {
  return nearestEdge(points, x, y, closed).distance;
}

// The edge of a line that is nearest: `index` is that of its first point.
export function nearestEdge(points, x, y, closed) {
  let best = { index: -1, distance: Infinity };
  const count = closed ? points.length : points.length - 1;
  for (let i = 0; i < count; i += 1) {
    const distance = onSegment(points[i], points[(i + 1) % points.length], x, y);
    if (distance < best.distance) best = { index: i, distance };
  }
  return best;
}

// The shape `dx`, `dy` further on, kept inside an image of `size`.
export function moved(r, dx, dy, size) {
  const b = bounds(r);
  const mx = clamp(dx, -b.x, Math.max(-b.x, size.width - b.w - b.x));
  const my = clamp(dy, -b.y, Math.max(-b.y, size.height - b.h - b.y));
  const whole = r.shape === "mask" ? Math.round : tidy;
  if (r.points) return { points: r.points.map(([x, y]) => [tidy(x + mx), tidy(y + my)]) };
  return { x: whole(r.x + mx), y: whole(r.y + my) };
}

// A box or ellipse pulled at one of its handles ("n", "se" …) to the point p; the opposite side stays where it is.
export function resized(r, handle, p, size) {
  const f = frame(r);
  const turned = r.rotation || 0;
  const c = [f.x + f.w / 2, f.y + f.h / 2];
  const [px, py] = turn(p, -turned, c);
  let [left, top, right, bottom] = [f.x, f.y, f.x + f.w, f.y + f.h];
  if (handle.includes("w")) left = px;
  if (handle.includes("e")) right = px;
  if (handle.includes("n")) top = py;
  if (handle.includes("s")) bottom = py;
  let rect = { x: Math.min(left, right), y: Math.min(top, bottom), w: Math.max(1, Math.abs(right - left)), h: Math.max(1, Math.abs(bottom - top)) };
  if (!turned) rect = bounded(rect, size);
  else { // the middle moved in the turned frame: bring it back into the picture's
    const [mx, my] = turn([rect.x + rect.w / 2, rect.y + rect.h / 2], turned, c);
    rect = { ...rect, x: mx - rect.w / 2, y: my - rect.h / 2 };
  }
  rect = { x: tidy(rect.x), y: tidy(rect.y), w: Math.max(1, tidy(rect.w)), h: Math.max(1, tidy(rect.h)) };
  return fromFrame(r, rect);
}

export function fromFrame(r, rect) {
  if (r.shape !== "ellipse") return rect;
  return { x: tidy(rect.x + rect.w / 2), y: tidy(rect.y + rect.h / 2), rx: tidy(rect.w / 2), ry: tidy(rect.h / 2) };
}

export function bounded({ x, y, w, h }, { width, height }) {
  const left = clamp(Math.min(x, x + w), 0, width);
  const top = clamp(Math.min(y, y + h), 0, height);
  const right = clamp(Math.max(x, x + w), 0, width);
  const bottom = clamp(Math.max(y, y + h), 0, height);
  return { x: tidy(left), y: tidy(top), w: tidy(right - left), h: tidy(bottom - top) };
}

// -- masks: run lengths row by row inside a rectangle, starting with zeros ---------------------------------------------

function maskHas(r, x, y) {
  const place = (y - r.y) * r.w + (x - r.x);
  if (x < r.x || y < r.y || x >= r.x + r.w || y >= r.y + r.h) return false;
  let end = 0;
  for (let i = 0; i < r.rle.length; i += 1) {
    end += r.rle[i];
    if (place < end) return i % 2 === 1;
  }
  return false;
}

// Call `each(x, y, length)` for every run of ones, cut at the ends of rows.
export function runs(r, each) {
  let place = 0;
  r.rle.forEach((length, i) => {
    if (i % 2) {
      let [from, left] = [place, length];
      while (left > 0) {
        const column = from % r.w;
        const part = Math.min(left, r.w - column);
        each(r.x + column, r.y + Math.floor(from / r.w), part);
        from += part;
        left -= part;
      }
    }
    place += length;
  });
}

// The mask of the pixels of `data` (RGBA of the whole picture) that are not transparent; null when there are none.
export function maskOf({ data, width, height }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0, i = 3; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 4) {
      if (data[i] < 128) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  if (right < 0) return null;
  const rle = [];
  let [value, length] = [false, 0];
  for (let y = top; y <= bottom; y += 1) {
    for (let x = left; x <= right; x += 1) {
      const set = data[(y * width + x) * 4 + 3] >= 128;
      if (set === value) length += 1;
      else {
        rle.push(length);
        [value, length] = [set, 1];
      }
    }
  }
  rle.push(length);
  return { shape: "mask", x: left, y: top, w: right - left + 1, h: bottom - top + 1, rle };
}

export const maskArea = (r) => r.rle.reduce((sum, n, i) => (i % 2 ? sum + n : sum), 0);

// What a screen reader and the list say about the size of a region.
export function sizeOf(r) {
  if (r.shape === "point") return `${Math.round(r.x)}, ${Math.round(r.y)}`;
  if (r.shape === "polyline" || r.shape === "polygon") return `${r.points.length} points`;
  if (r.shape === "mask") return `${maskArea(r)} px`;
  if (r.shape === "span") return `${r.end - r.start} chars`;
  const f = frame(r);
  return `${Math.round(f.w)} × ${Math.round(f.h)}`;
}
