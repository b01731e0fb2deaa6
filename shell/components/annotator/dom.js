// Small helpers for elements, icons and colours.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

export function svg(tag, attributes = {}) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

const ICONS = {
  undo: "M7 5 3.5 8.5 7 12M3.5 8.5H12a4 4 0 0 1 0 8H9",
  redo: "M13 5l3.5 3.5L13 12M16.5 8.5H8a4 4 0 0 0 0 8h3",
  plus: "M10 4.5v11M4.5 10h11",
  minus: "M4.5 10h11",
  fit: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  eye: "M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5zM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  cross: "M10 3v5M10 12v5M3 10h5M12 10h5",
  blur: "M4 7h2M8 7h2M12 7h4M4 10h4M10 10h2M14 10h2M4 13h2M8 13h4M14 13h2M6 4h3M11 4h3M6 16h3M11 16h3",
  light: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v2M10 16v2M2 10h2M16 10h2M4.5 4.5l1.3 1.3M14.2 14.2l1.3 1.3M4.5 15.5l1.3-1.3M14.2 5.8l1.3-1.3",
  help: "M7.5 7.5a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.9-1.1 1.8M10 14.6v.2",
  book: "M4 4.5h5a2 2 0 0 1 2 2v9a2 2 0 0 0-2-1.5H4zM16 4.5h-5a2 2 0 0 0-2 2M16 4.5V14h-4a1.6 1.6 0 0 0-1 .5",
  flag: "M5.5 17V3.5M5.5 4h9l-2 3.5 2 3.5h-9",
  previous: "M12 5l-5 5 5 5",
  next: "M8 5l5 5-5 5",
  close: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  trash: "M4.5 6h11M8 6V4.5h4V6M6 6l.7 9.5h6.6L14 6",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  select: "M5 3.5l10.5 6.2-4.6 1.2-2.2 4.6z",
  box: "M4 5.5h12v9H4z",
  polygon: "M4.5 8 10 3.5 16 8l-2.5 7.5h-6z",
  polyline: "M3.5 14.5 8 7l4.5 5 4-8",
  point: "M10 6v8M6 10h8M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z",
  ellipse: "M10 5.5c4 0 7 2 7 4.5s-3 4.5-7 4.5-7-2-7-4.5 3-4.5 7-4.5z",
  mask: "M13.5 3.5l3 3-7 7-3-3zM6 11l-2.5 5.5L9 14",
  erase: "M8 15.5h8M4 12l7-7 4.5 4.5-6 6H7z",
  wand: "M4 16 12 8M13.5 3v3M12 4.5h3M16 8v2M15 9h2M8 4v2M7 5h2",
  grab: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4M10 7.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  scissors: "M5.5 5a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM5.5 11a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM7 8.3l9 5.2M7 11.7l9-5.2",
  relation: "M4.5 10a2 2 0 1 0 4 0 2 2 0 0 0-4 0zM11.5 10a2 2 0 1 0 4 0 2 2 0 0 0-4 0zM8.5 10h3",
};

export function icon(name) {
  const node = svg("svg", { viewBox: "0 0 20 20", class: "icon", "aria-hidden": "true" });
  node.append(svg("path", { d: ICONS[name] }));
  return node;
}

export function iconButton(name, label, keys, action, more = {}) {
  const title = keys ? `${label} (${keys})` : label;
  return el("button", { type: "button", class: "tool", title, "aria-label": title, onclick: action, ...more }, icon(name));
}

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
export const copy = (value) => JSON.parse(JSON.stringify(value));
export const tidy = (value) => Math.round(value * 1000) / 1000; // no 0.30000000000000004 from arithmetic

// Text that stands on a class colour: dark or light, whichever contrasts more (WCAG relative luminance).
export function inkOn(color) {
  const m = /^#([0-9a-f]{6})$/i.exec(color || "");
  if (!m) return "#fff";
  const [r, g, b] = [0, 2, 4].map((i) => {
    const c = parseInt(m[1].slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#101412" : "#fff";
}

// Make the children of `list` those of `wanted` ({id, sign, make, update}), building only what is new or changed; `update`
// gets every node, also one that stays (an input somebody types into must).
export function reconcile(list, wanted) {
  const old = new Map([...list.children].map((node) => [node.dataset.row, node]));
  let before = list.firstChild;
  for (const { id, sign, make, update } of wanted) {
    let node = old.get(id);
    if (node && node.dataset.sign === sign) old.delete(id);
    else {
      const made = make();
      made.dataset.row = id;
      made.dataset.sign = sign;
      if (node) {
        if (before === node) before = made;
        node.replaceWith(made);
        old.delete(id);
      }
      node = made;
    }
    if (before === node) before = node.nextSibling;
    else list.insertBefore(node, before);
    update?.(node);
  }
  for (const node of old.values()) node.remove();
}
