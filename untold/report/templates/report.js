"use strict";
/**
 * The data written by `interactive` in scripts/write_report.py; arrays of numbers are base64 of little-endian bytes.
 * @typedef {{values: string[], codes: string}} RawFacet
 * @typedef {{space: string, label: string, prompts: boolean, points: string, clusters?: string,
 *   methods: Record<string, {x: string, y: string}>}} RawMap
 * @typedef {{name: string, kind: string, n: number, colours: Record<string, string>, facets: Record<string, RawFacet>,
 *   text: RawFacet | null, seed: string | null, seeds: number[], sheets: {columns: number, per_sheet: number},
 *   maps: RawMap[], similarities: {label: string, values: string}[]}} RawDataset
 *
 * The same, decoded. A facet has a code for each image; a map has the image (and cluster) of each point.
 * @typedef {{values: string[], codes: Uint16Array}} Facet
 * @typedef {{x: Uint16Array, y: Uint16Array}} Coordinates
 * @typedef {{space: string, label: string, prompts: boolean, points: Uint32Array, clusters: Int16Array | null,
 *   methods: Record<string, Coordinates>}} SpaceMap
 * @typedef {{index: number, name: string, kind: string, n: number, colours: Record<string, string>,
 *   facets: Record<string, Facet>, text: Facet | null, seed: Uint16Array, seeds: number[],
 *   sheets: {columns: number, per_sheet: number}, maps: SpaceMap[],
 *   similarities: {label: string, values: Int16Array}[], rows: Map<number, number[]> | null}} Dataset
 */
(() => {
/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#b83280", "#8f7a00", "#3a8fc9", "#cc6677", "#7a7f87", "#44aa99", "#b07aa1", "#6b8e23", "#a0522d"];
const MISSING = -32768;

/**
 * Create an element. Text reaches the page only as text nodes and attributes created here, never as markup.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} attributes `on` are handlers by event, `style` are properties
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, /** @type {EventListener} */ (handler));
    else if (name === "style") Object.assign(element.style, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/**
 * @template T
 * @param {string} text
 * @param {new (buffer: ArrayBuffer) => T} Type
 */
function decode(text, Type) {
  return new Type(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

/**
 * @template T, U
 * @param {Record<string, T>} record
 * @param {(value: T) => U} change
 * @returns {Record<string, U>}
 */
const mapValues = (record, change) => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));

/** @param {RawFacet} raw @returns {Facet} */
const decodeFacet = ({values, codes}) => ({values, codes: decode(codes, Uint16Array)});

/** @param {RawMap} raw @returns {SpaceMap} */
const decodeMap = (raw) => ({
  ...raw,
  points: decode(raw.points, Uint32Array),
  clusters: raw.clusters === undefined ? null : decode(raw.clusters, Int16Array),
  methods: mapValues(raw.methods, ({x, y}) => ({x: decode(x, Uint16Array), y: decode(y, Uint16Array)})),
});

/** @param {RawDataset} raw @param {number} index @returns {Dataset} */
const decodeDataset = (raw, index) => ({
  ...raw,
  index,
  facets: mapValues(raw.facets, decodeFacet),
  text: raw.text && decodeFacet(raw.text),
  seed: decode(raw.seed ?? "", Uint16Array),
  maps: raw.maps.map(decodeMap),
  similarities: raw.similarities.map(({label, values}) => ({label, values: decode(values, Int16Array)})),
  rows: null,
});

const DATA = /** @type {RawDataset[]} */ (JSON.parse(byId("data").textContent ?? "")).map(decodeDataset);
/** @param {number} value */
const number = (value) => value.toFixed(3).replace("-", "\u2212");

/** @param {Dataset} d @param {number} i @param {number} size @param {string} label */
function thumb(d, i, size, label) {
  const {columns, per_sheet} = d.sheets, cell = i % per_sheet;
  return make("span", {class: `thumb s${d.index}-${Math.floor(i / per_sheet)}`, role: "img", "aria-label": label, style: {
    width: `${size}px`, height: `${size}px`, backgroundSize: `${columns * size}px auto`,
    backgroundPosition: `-${(cell % columns) * size}px -${Math.floor(cell / columns) * size}px`}});
}

/** @param {Dataset} d @param {number} i @returns {[string, string][]} */
function facts(d, i) {
  /** @type {[string, string][]} */
  const found = Object.entries(d.facets).map(([name, f]) => [name.replaceAll("_", " "), f.values[f.codes[i]]]);
  if (d.seeds.length) found.push(["seed", String(d.seeds[d.seed[i]])]);
  return found;
}

/** @param {Dataset} d @param {number} i */
const describe = (d, i) => facts(d, i).map(([name, value]) => `${name} ${value}`).join(", ");
/** @param {string} text */
const say = (text) => { byId("say").textContent = text; };

/* Theme: follows the system until the button is pressed. */
const root = document.documentElement;
byId("theme").addEventListener("click", () => {
  const dark = root.style.colorScheme ? root.style.colorScheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.style.colorScheme = dark ? "light" : "dark";
  dispatchEvent(new Event("themechange"));
});

/* Tables: clicking a heading sorts, clicking it again reverses the order; a field searches. */
for (const box of document.querySelectorAll(".table")) {
  const table = /** @type {HTMLTableElement} */ (box.querySelector("table")), body = table.tBodies[0];
  const heads = [.../** @type {HTMLTableSectionElement} */ (table.tHead).rows[0].cells];
  if (body.rows.length > 14) box.classList.add("tall");
  heads.forEach((head, column) => {
    if (!head.textContent?.trim() || body.rows.length < 2) return;
    const button = make("button", {type: "button"}, head.textContent);
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const numeric = [...body.rows].some((row) => row.cells[column].dataset.v !== undefined);
      const down = head.getAttribute("aria-sort") === "none" ? numeric : head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      /** @param {HTMLTableRowElement} row */
      const text = (row) => row.cells[column].textContent ?? "";
      /** @param {HTMLTableRowElement} row */
      const amount = (row) => parseFloat(row.cells[column].dataset.v ?? "nan");
      /** @param {HTMLTableRowElement} a @param {HTMLTableRowElement} b */
      const order = (a, b) => {
        if (!numeric) return sign * text(a).localeCompare(text(b));
        const x = amount(a), y = amount(b), missing = Number(Number.isNaN(x)) - Number(Number.isNaN(y));
        return Number.isNaN(x) || Number.isNaN(y) ? missing : sign * (x - y);
      };
      body.append(...[...body.rows].sort(order));
    });
  });
  if (!box.hasAttribute("data-search")) continue;
  const shown = make("span", {class: "count", "aria-live": "polite"});
  const field = make("input", {type: "search", placeholder: "Search activities or categories", "aria-label": "Search the table"});
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of body.rows) {
      const text = `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) count += 1;
    }
    shown.textContent = `${count} of ${body.rows.length}`;
  });
  box.prepend(make("div", {class: "tools"}, field, shown));
}

/* Quadruplets: all images of an activity, with seeds as rows and groups as columns. */
/** @param {Dataset} d @returns {Map<number, number[]>} */
function byActivity(d) {
  if (d.rows) return d.rows;
  /** @type {Map<number, number[]>} */
  const rows = new Map();
  d.facets.activity.codes.forEach((code, i) => {
    const known = rows.get(code);
    if (known) known.push(i);
    else rows.set(code, [i]);
  });
  d.rows = rows;
  return rows;
}

/** @param {Dataset} d @param {number} activity @param {number} measure @param {number} [chosen] */
function quadruplet(d, activity, measure, chosen) {
  const groups = d.facets.group, rows = byActivity(d).get(activity) ?? [];
  const columns = [...new Set(rows.map((i) => groups.codes[i]))].sort((a, b) => a - b);
  /** @type {Map<number, Set<number>>} */
  const groupsOf = new Map();
  for (const i of rows) groupsOf.set(d.seed[i], (groupsOf.get(d.seed[i]) ?? new Set()).add(groups.codes[i]));
  /** @param {number} seed */
  const countOf = (seed) => groupsOf.get(seed)?.size ?? 0;
  /* If some seeds have several groups, images of seeds with only one group go into a strip below the table. */
  const alone = rows.filter((i) => countOf(d.seed[i]) === 1), single = alone.length < rows.length ? alone : [];
  const seeds = [...groupsOf.keys()].filter((s) => !single.length || countOf(s) > 1).sort((a, b) => a - b);
  /** @param {number} i */
  const words = (i) => d.text ? d.text.values[d.text.codes[i]] : describe(d, i);
  const size = Math.max(48, Math.min(144, Math.floor((Math.min(innerWidth, 900) - 110) / columns.length) - 12));
  const similar = d.similarities[measure];
  const head = make("tr", {}, make("th", {scope: "col"}, "seed"), ...columns.map((g) => make("th", {scope: "col"},
    make("span", {class: "dot", style: {background: tone(d, "group", g)}}), groups.values[g])));
  const lines = seeds.map((seed) => make("tr", {}, make("th", {scope: "row"}, String(d.seeds[seed])), ...columns.map((g) => {
    const i = rows.find((k) => d.seed[k] === seed && groups.codes[k] === g);
    if (i === undefined) return make("td", {}, "no image");
    const value = similar && similar.values[i] !== MISSING ? number(similar.values[i] / 1e4) : "";
    return make("td", {class: i === chosen ? "chosen" : null}, thumb(d, i, size, words(i)),
      make("span", {class: "value"}, value));
  })));
  const table = make("div", {class: "scroll"}, make("table", {class: "quad"}, make("thead", {}, head), make("tbody", {}, ...lines)));
  if (!single.length) return table;
  const who = [...new Set(single.map((i) => groups.values[groups.codes[i]]))].join(", ");
  return make("div", {}, table, make("p", {}, `${single.length} more images of ${who}, whose seeds no other group has`),
    make("div", {class: "strip"}, ...single.map((i) => make("span", {class: i === chosen ? "chosen" : null, title: `seed ${d.seeds[d.seed[i]]}`},
      thumb(d, i, Math.min(size, 72), words(i))))));
}

/** @param {Dataset} d @param {string} facet @param {number} code */
function tone(d, facet, code) {
  const value = d.facets[facet]?.values[code];
  return (facet === "group" && d.colours[value]) || PALETTE[code % PALETTE.length];
}

/** @param {Dataset} d @param {(measure: number) => void} pick */
function measures(d, pick) {
  const select = make("select", {"aria-label": "Similarity measure", on: {change: () => pick(Number(select.value))}},
    ...d.similarities.map((s, k) => make("option", {value: k}, s.label)));
  const dino = d.similarities.findIndex((s) => s.label === "DINO");
  select.value = String(Math.max(dino, 0));
  return select;
}

const withQuadruplets = DATA.filter((d) => d.kind === "generated" && d.facets.activity && d.facets.group && d.n);
const browse = byId("browse");
if (withQuadruplets.length) {
  let d = withQuadruplets[0], activity = 0, measure = 0, select = make("select");
  const place = make("div"), tools = make("div", {class: "tools"});
  const show = () => { select.value = String(activity); place.replaceChildren(quadruplet(d, activity, measure)); };
  /** @param {number} by */
  const step = (by) => { activity = (activity + by + d.facets.activity.values.length) % d.facets.activity.values.length; show(); };
  /** @param {Dataset} chosen */
  const open = (chosen) => {
    d = chosen; activity = 0;
    select = make("select", {"aria-label": "Activity", on: {change: () => { activity = Number(select.value); show(); }}},
      ...d.facets.activity.values.map((name, k) => make("option", {value: k}, name)));
    const similar = measures(d, (k) => { measure = k; show(); });
    measure = Number(similar.value);
    const datasets = withQuadruplets.length < 2 ? null : make("select", {"aria-label": "Dataset", on: {change: (/** @type {Event} */ event) => open(withQuadruplets[Number(/** @type {HTMLSelectElement} */ (event.target).value)])}},
      ...withQuadruplets.map((other, k) => make("option", {value: k, selected: other === d}, other.name)));
    tools.replaceChildren(...(datasets ? [datasets] : []), make("button", {type: "button", "aria-label": "Previous activity", on: {click: () => step(-1)}}, "←"), select,
      make("button", {type: "button", "aria-label": "Next activity", on: {click: () => step(1)}}, "→"), similar);
    show();
  };
  open(d);
  browse.append(tools, place);
  browse.hidden = false;
} else for (const element of document.querySelectorAll(".if-quadruplets")) element.setAttribute("hidden", "");

const dialog = /** @type {HTMLDialogElement} */ (byId("detail"));
/** @param {Dataset} d @param {number} i */
function openDetail(d, i) {
  const close = make("button", {type: "button", class: "close", on: {click: () => dialog.close()}}, "Close");
  if (d.facets.activity && d.facets.group) {
    const activity = d.facets.activity.codes[i], place = make("div");
    const similar = measures(d, (k) => place.replaceChildren(quadruplet(d, activity, k, i)));
    place.append(quadruplet(d, activity, Number(similar.value), i));
    dialog.replaceChildren(close, make("h3", {}, d.facets.activity.values[activity]), make("div", {class: "tools"}, similar), place);
  } else {
    dialog.replaceChildren(close, thumb(d, i, 192, describe(d, i)), card(d, i));
  }
  dialog.showModal();
}
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

/** @param {Dataset} d @param {number} i */
function card(d, i) {
  const list = make("dl");
  const rows = facts(d, i);
  if (d.text) rows.push([d.kind === "generated" ? "prompt" : "caption", d.text.values[d.text.codes[i]]]);
  for (const [name, value] of rows) list.append(make("dt", {}, name), make("dd", {dir: "auto"}, value));
  return list;
}

/**
 * Explorer: points on a canvas, redrawn only when they move; the ring around the current point is an element.
 * @param {HTMLElement} holder
 */
function explorer(holder) {
  const sets = DATA.filter((d) => d.maps.some((map) => Object.keys(map.methods).length));
  if (!sets.length) return;
  /** @type {Dataset} */
  let d;
  /** @type {SpaceMap} */
  let map;
  /** @type {Coordinates} */
  let xy;
  let colourBy = "cluster", at = -1, view = {x: 32767, y: 32767, k: 1};
  /** @type {number[]} */
  let shown = [];
  /** @type {Record<string, (image: number) => boolean>} */
  let filters = {};

  const canvas = make("canvas", {tabindex: "0", role: "application", "aria-label": "Map of the images; use the arrow keys to move from point to point and Enter to open one"});
  const ring = make("div", {class: "ring", hidden: true}), tip = make("div", {class: "tip", hidden: true}), panel = make("div", {class: "panel"});
  const zoom = make("div", {class: "zoom"}, .../** @type {[string, string, number][]} */ ([["+", "Zoom in", 1.5], ["\u2212", "Zoom out", 1 / 1.5], ["⟲", "Whole map", 0]]).map(([text, label, by]) =>
    make("button", {type: "button", "aria-label": label, on: {click: () => scale(by)}}, text)));
  holder.append(make("div", {class: "explorer"}, make("div", {class: "stage"}, canvas, ring, zoom, tip), panel));
  holder.hidden = false;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));

  const reset = () => { view = {x: 32767, y: 32767, k: 1}; };
  const size = () => ({w: canvas.clientWidth, h: canvas.clientHeight});
  const unit = () => { const {w, h} = size(); return view.k * 0.94 / 65535 * Math.min(w, h * 1.25); };
  /** @param {number} k */
  const px = (k) => size().w / 2 + (xy.x[k] - view.x) * unit();
  /** @param {number} k */
  const py = (k) => size().h / 2 + (xy.y[k] - view.y) * unit() * 0.8;
  /** @param {number} by @param {number} [fx] @param {number} [fy] */
  const scale = (by, fx, fy) => {
    if (!by) reset();
    else {
      const {w, h} = size(), u = unit(), dx = (fx ?? w / 2) - w / 2, dy = (fy ?? h / 2) - h / 2;
      view.k = Math.min(60, Math.max(0.8, view.k * by));
      const f = 1 / u - 1 / unit();
      view.x += dx * f; view.y += dy * f / 0.8;
    }
    redraw();
  };

  /** @param {number} k */
  const code = (k) => colourBy === "cluster" ? map.clusters?.[k] ?? -1 : d.facets[colourBy].codes[map.points[k]];
  /** @param {number} c */
  const colour = (c) => colourBy === "cluster" ? (c < 0 ? "#9aa0a8" : PALETTE[c % PALETTE.length]) : tone(d, colourBy, c);
  const radius = () => Math.max(1.6, Math.min(5, 160 / Math.sqrt(map.points.length))) * Math.min(2, Math.sqrt(view.k));
  let waiting = false;
  const redraw = () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } };

  function draw() {
    const {w, h} = size(), ratio = devicePixelRatio || 1;
    if (!w || !h) return; // printed, or inside a closed section
    if (canvas.width !== Math.round(w * ratio)) canvas.width = Math.round(w * ratio);
    if (canvas.height !== Math.round(h * ratio)) canvas.height = Math.round(h * ratio);
    const u = unit(), ox = w / 2 - view.x * u, oy = h / 2 - view.y * u * 0.8, dots = disc(radius() * ratio);
    /** @type {Map<number, number>} */
    const tones = new Map();
    const image = context.createImageData(canvas.width, canvas.height);
    for (const k of shown) {
      const c = code(k);
      const tone = tones.get(c) ?? parseInt(colour(c).slice(1), 16);
      tones.set(c, tone);
      blend(image, dots, tone, (ox + xy.x[k] * u) * ratio, (oy + xy.y[k] * u * 0.8) * ratio);
    }
    context.putImageData(image, 0, 0);
    encircle();
  }

  function encircle() {
    ring.hidden = at < 0;
    if (at < 0) return;
    const side = 2 * (radius() + 4);
    Object.assign(ring.style, {width: `${side}px`, height: `${side}px`, left: `${px(at) - side / 2}px`, top: `${py(at) - side / 2}px`});
  }

  /**
   * Opacity of a dot's pixels, with a soft edge.
   * @param {number} radius
   */
  function disc(radius) {
    const side = Math.ceil(2 * radius + 2), opacity = new Float32Array(side * side), middle = (side - 1) / 2;
    for (let i = 0; i < opacity.length; i++) {
      const distance = Math.hypot(i % side - middle, Math.floor(i / side) - middle);
      opacity[i] = 0.78 * Math.max(0, Math.min(1, radius + 0.5 - distance));
    }
    return {side, opacity};
  }

  /**
   * Blends pixel by pixel, because without a GPU 20 000 calls of drawImage take ten times as long.
   * @param {ImageData} image @param {{side: number, opacity: Float32Array}} dot @param {number} tone
   * @param {number} x @param {number} y
   */
  function blend({data, width, height}, {side, opacity}, tone, x, y) {
    const left = Math.round(x - side / 2), top = Math.round(y - side / 2), red = tone >> 16, green = tone >> 8 & 255, blue = tone & 255;
    for (let j = Math.max(0, -top); j < Math.min(side, height - top); j++) {
      for (let i = Math.max(0, -left); i < Math.min(side, width - left); i++) {
        const over = opacity[j * side + i];
        if (!over) continue;
        const at = 4 * ((top + j) * width + left + i), under = data[at + 3] / 255 * (1 - over), all = over + under;
        data[at] = (red * over + data[at] * under) / all;
        data[at + 1] = (green * over + data[at + 1] * under) / all;
        data[at + 2] = (blue * over + data[at + 2] * under) / all;
        data[at + 3] = 255 * all;
      }
    }
  }

  function filter() {
    const passes = Object.values(filters);
    shown = [];
    for (let k = 0; k < map.points.length; k++) if (passes.every((pass) => pass(map.points[k]))) shown.push(k);
    if (!shown.includes(at)) point(-1);
    count.textContent = `${shown.length} of ${map.points.length} ${map.prompts ? "prompts" : "images"}`;
    redraw();
  }

  /** @param {number} x @param {number} y @param {number} reach */
  function nearestTo(x, y, reach) {
    const {w, h} = size(), u = unit(), mx = view.x + (x - w / 2) / u, my = view.y + (y - h / 2) / u / 0.8;
    let best = -1, least = reach * reach;
    for (const k of shown) {
      const dx = (xy.x[k] - mx) * u, dy = (xy.y[k] - my) * u * 0.8, distance = dx * dx + dy * dy;
      if (distance < least) { least = distance; best = k; }
    }
    return best;
  }

  /** @param {number} k @param {boolean} [aloud] */
  function point(k, aloud) {
    if (k === at) return;
    at = k;
    if (k < 0) tip.hidden = true;
    else {
      const i = map.points[k], {w, h} = size();
      tip.replaceChildren(thumb(d, i, 96, ""), card(d, i));
      tip.hidden = false;
      const x = px(k), y = py(k), right = x + 20 + tip.offsetWidth < w;
      tip.style.left = `${Math.max(4, right ? x + 16 : x - 16 - tip.offsetWidth)}px`;
      tip.style.top = `${Math.max(4, Math.min(y - 20, h - tip.offsetHeight - 4))}px`;
      if (aloud) say(describe(d, i));
    }
    encircle();
  }

  /** @type {{x: number, y: number, moved: boolean, touch: boolean} | null} */
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => { drag = {x: event.offsetX, y: event.offsetY, moved: false, touch: event.pointerType === "touch"}; });
  canvas.addEventListener("pointermove", (event) => {
    if (drag && !drag.touch && event.buttons) {
      const dx = event.offsetX - drag.x, dy = event.offsetY - drag.y;
      if (drag.moved || Math.hypot(dx, dy) > 4) {
        drag = {x: event.offsetX, y: event.offsetY, moved: true, touch: false};
        const u = unit();
        view.x -= dx / u; view.y -= dy / u / 0.8;
        point(-1);
        redraw();
      }
    } else point(nearestTo(event.offsetX, event.offsetY, 14));
  });
  canvas.addEventListener("pointerup", (event) => {
    const moved = drag?.moved;
    drag = null;
    if (moved) return;
    const k = nearestTo(event.offsetX, event.offsetY, event.pointerType === "touch" ? 24 : 14);
    point(k);
    if (k >= 0) openDetail(d, map.points[k]);
  });
  canvas.addEventListener("pointerleave", () => { drag = null; point(-1); });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    scale(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
  }, {passive: false});
  canvas.addEventListener("keydown", (event) => {
    const way = /** @type {Record<string, [number, number]>} */ ({ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]})[event.key];
    if (way) {
      event.preventDefault();
      if (at < 0) return point(shown.length ? nearestTo(size().w / 2, size().h / 2, 1e5) : -1, true);
      let best = -1, least = Infinity;
      for (const k of shown) {
        const dx = px(k) - px(at), dy = py(k) - py(at), along = dx * way[0] + dy * way[1], across = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
        if (along > 0.5 && across <= along * 1.5 && along + 2 * across < least) { least = along + 2 * across; best = k; }
      }
      if (best >= 0) point(best, true);
    } else if (event.key === "Enter" && at >= 0) {
      // Otherwise the same key press would activate the Close button, which then has the focus.
      event.preventDefault();
      openDetail(d, map.points[at]);
    }
    else if (event.key === "Escape") point(-1);
    else if (event.key === "+" || event.key === "=") scale(1.5);
    else if (event.key === "-") scale(1 / 1.5);
    else if (event.key === "0") scale(0);
  });

  const count = make("p", {class: "count", "aria-live": "polite"});
  let last = 0;
  /**
   * A menu with its label.
   * @param {string} label @param {[string | number, string][]} options keys and labels
   * @param {string | number} value @param {(key: string) => void} pick
   */
  const choice = (label, options, value, pick) => {
    const id = `choice-${last++}`;
    const select = make("select", {id, on: {change: () => pick(select.value)}}, ...options.map(([key, text]) => make("option", {value: key}, text)));
    select.value = String(value);
    return [make("label", {for: id}, label), select];
  };

  /** @param {string} name @param {string} method */
  function openMap(name, method) {
    map = d.maps.find((other) => other.space === name) ?? d.maps[0];
    const methods = Object.keys(map.methods);
    xy = map.methods[methods.includes(method) ? method : methods.includes("umap") ? "umap" : methods[0]];
    if (colourBy === "cluster" && !map.clusters) colourBy = Object.keys(d.facets)[0];
    at = -1; tip.hidden = true;
    filter();
  }

  /** @param {number} index */
  function openSet(index) {
    d = sets[index];
    d.maps = d.maps.filter((other) => Object.keys(other.methods).length);
    filters = {}; reset();
    colourBy = Object.keys(d.facets)[0] ?? "cluster";
    const first = (d.maps.find((other) => other.space === "dino") ?? d.maps[0]).space;
    let space = first, method = "umap";
    const few = Object.entries(d.facets).filter(([, f]) => f.values.length <= 12);
    const legend = make("ul", {class: "legend"});
    const relegend = () => {
      legend.replaceChildren();
      if (few.some(([name, f]) => name === colourBy && f.values.length <= 8)) return;
      /** @type {[number, string][]} */
      const names = colourBy === "cluster" ? [...new Set(map.clusters ?? [])].sort((a, b) => a - b).map((c) => [c, c < 0 ? "no cluster" : `cluster ${c}`])
        : d.facets[colourBy].values.map((value, c) => [c, value]);
      legend.append(...names.map(([c, text]) => make("li", {}, make("span", {class: "dot", style: {background: colour(c)}}), text)));
    };
    const controls = [];
    if (sets.length > 1) controls.push(...choice("Dataset", sets.map((s, k) => [k, s.name]), index, (k) => openSet(Number(k))));
    controls.push(...choice("Space", d.maps.map((m) => [m.space, m.label]), first, (name) => { space = name; reset(); openMap(space, method); relegend(); }));
    controls.push(...choice("Map", [["umap", "UMAP"], ["tsne", "t-SNE"]], method, (name) => { method = name; reset(); openMap(space, method); }));
    controls.push(...choice("Colour", [...few.map(([name]) => /** @type {[string, string]} */ ([name, name.replaceAll("_", " ")])), ["cluster", "k-means cluster"]], colourBy,
      (name) => { colourBy = name === "cluster" && !map.clusters ? colourBy : name; recolour(); relegend(); redraw(); }));
    /** @type {[string, number, HTMLElement][]} */
    const dots = [];
    const recolour = () => { for (const [name, c, element] of dots) element.style.background = name === colourBy ? colour(c) : "var(--muted)"; };
    for (const [name, f] of Object.entries(d.facets)) {
      const label = name.replaceAll("_", " ");
      if (f.values.length <= 8) {
        const on = new Set(f.values.keys());
        filters[name] = (i) => on.has(f.codes[i]);
        controls.push(make("fieldset", {}, make("legend", {}, label), make("div", {class: "chips"}, ...f.values.map((value, c) => {
          const mark = make("span", {class: "dot"});
          dots.push([name, c, mark]);
          return make("button", {type: "button", "aria-pressed": "true", on: {click: (/** @type {Event} */ event) => {
            if (on.has(c)) on.delete(c); else on.add(c);
            /** @type {HTMLElement} */ (event.currentTarget).setAttribute("aria-pressed", String(on.has(c)));
            filter();
          }}}, mark, value);
        }))));
      } else if (f.values.length <= 40) {
        let wanted = "";
        filters[name] = (i) => wanted === "" || f.codes[i] === Number(wanted);
        controls.push(...choice(label, [["", "all"], ...f.values.map((value, c) => /** @type {[number, string]} */ ([c, value]))], "", (value) => { wanted = value; filter(); }));
      } else {
        /** @type {boolean[] | null} */
        let match = null;
        filters[name] = (i) => !match || match[f.codes[i]];
        const id = `choice-${last++}`, list = make("datalist", {id: `${id}-list`}, ...f.values.map((value) => make("option", {value})));
        const field = make("input", {id, type: "search", list: `${id}-list`, placeholder: `any ${label}`, on: {input: () => {
          const word = field.value.trim().toLowerCase();
          match = word === "" ? null : f.values.map((value) => value.toLowerCase().includes(word));
          filter();
        }}});
        controls.push(make("label", {for: id}, label), field, list);
      }
    }
    panel.replaceChildren(...controls, count, legend);
    openMap(space, method);
    recolour();
    relegend();
  }

  openSet(0);
  new ResizeObserver(redraw).observe(canvas);
  addEventListener("themechange", redraw);
}
explorer(byId("explore"));
})();
