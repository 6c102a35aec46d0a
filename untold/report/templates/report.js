"use strict";
(() => {
const DATA = JSON.parse(document.getElementById("data").textContent);
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#b83280", "#8f7a00", "#3a8fc9", "#cc6677", "#7a7f87", "#44aa99", "#b07aa1", "#6b8e23", "#a0522d"];
const MISSING = -32768;
const TYPES = {uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array};

/* Text reaches the page only as text nodes and attributes of elements made here, never as markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (name === "style") Object.assign(element.style, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

function decode(text, type) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new TYPES[type](bytes.buffer);
}

const decodeFacet = (facet) => facet && {values: facet.values, codes: decode(facet.codes, "uint16")};
const number = (value) => value.toFixed(3).replace("-", "\u2212");

for (const [index, d] of DATA.entries()) {
  d.index = index;
  for (const name of Object.keys(d.facets)) d.facets[name] = decodeFacet(d.facets[name]);
  d.text = decodeFacet(d.text);
  d.seed = d.seed && decode(d.seed, "uint16");
  for (const s of d.similarities) s.values = decode(s.values, "int16");
  for (const map of d.maps) {
    map.points = decode(map.points, "uint32");
    if (map.clusters) map.clusters = decode(map.clusters, "int16");
    for (const xy of Object.values(map.methods)) { xy.x = decode(xy.x, "uint16"); xy.y = decode(xy.y, "uint16"); }
  }
}

function thumb(d, i, size, label) {
  const {columns, per_sheet} = d.sheets, cell = i % per_sheet;
  return make("span", {class: `thumb s${d.index}-${Math.floor(i / per_sheet)}`, role: "img", "aria-label": label, style: {
    width: `${size}px`, height: `${size}px`, backgroundSize: `${columns * size}px auto`,
    backgroundPosition: `-${(cell % columns) * size}px -${Math.floor(cell / columns) * size}px`}});
}

function facts(d, i) {
  const found = Object.entries(d.facets).map(([name, f]) => [name.replaceAll("_", " "), f.values[f.codes[i]]]);
  if (d.seed) found.push(["seed", String(d.seeds[d.seed[i]])]);
  return found;
}

const describe = (d, i) => facts(d, i).map(([name, value]) => `${name} ${value}`).join(", ");
const say = (text) => { document.getElementById("say").textContent = text; };

/* Theme: follows the system until the button is pressed. */
const root = document.documentElement;
document.getElementById("theme").addEventListener("click", () => {
  const dark = root.style.colorScheme ? root.style.colorScheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.style.colorScheme = dark ? "light" : "dark";
  dispatchEvent(new Event("themechange"));
});

/* Tables: a click on a heading sorts, a second one reverses; a field searches. */
for (const box of document.querySelectorAll(".table")) {
  const table = box.querySelector("table"), body = table.tBodies[0];
  if (body.rows.length > 14) box.classList.add("tall");
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.textContent.trim() || body.rows.length < 2) return;
    const button = make("button", {type: "button"}, head.textContent);
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const numeric = [...body.rows].some((row) => row.cells[column].dataset.v !== undefined);
      const down = head.getAttribute("aria-sort") === "none" ? numeric : head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => numeric ? parseFloat(row.cells[column].dataset.v ?? "nan") : row.cells[column].textContent;
      const sign = down ? -1 : 1;
      const order = (a, b) => {
        const x = value(a), y = value(b);
        if (!numeric) return sign * x.localeCompare(y);
        if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
        return sign * (x - y);
      };
      body.append(...[...body.rows].sort(order));
    });
  });
  if (!("search" in box.dataset)) continue;
  const shown = make("span", {class: "count", "aria-live": "polite"});
  const field = make("input", {type: "search", placeholder: "Search activities or categories", "aria-label": "Search the table"});
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of body.rows) {
      const text = `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      count += !row.hidden;
    }
    shown.textContent = `${count} of ${body.rows.length}`;
  });
  box.prepend(make("div", {class: "tools"}, field, shown));
}

/* Quadruplets: every image of an activity, rows are seeds, columns are groups. */
function byActivity(d) {
  if (!d.activityRows) {
    d.activityRows = new Map();
    d.facets.activity.codes.forEach((code, i) => {
      if (!d.activityRows.has(code)) d.activityRows.set(code, []);
      d.activityRows.get(code).push(i);
    });
  }
  return d.activityRows;
}

function quadruplet(d, activity, measure, chosen) {
  const groups = d.facets.group, rows = byActivity(d).get(activity) ?? [];
  const columns = [...new Set(rows.map((i) => groups.codes[i]))].sort((a, b) => a - b);
  const groupsOf = new Map();
  for (const i of rows) groupsOf.set(d.seed[i], (groupsOf.get(d.seed[i]) ?? new Set()).add(groups.codes[i]));
  /* Seeds that only one group has, where others have several, are more of the same: a strip below the table. */
  const alone = rows.filter((i) => groupsOf.get(d.seed[i]).size === 1), single = alone.length < rows.length ? alone : [];
  const seeds = [...groupsOf.keys()].filter((s) => !single.length || groupsOf.get(s).size > 1).sort((a, b) => a - b);
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
  return make("div", {}, table, make("p", {}, `${single.length} more of ${who}, each with a seed of its own`),
    make("div", {class: "strip"}, ...single.map((i) => make("span", {class: i === chosen ? "chosen" : null, title: `seed ${d.seeds[d.seed[i]]}`},
      thumb(d, i, Math.min(size, 72), words(i))))));
}

function tone(d, facet, code) {
  const value = d.facets[facet]?.values[code];
  return (facet === "group" && d.colours[value]) || PALETTE[code % PALETTE.length];
}

function measures(d, pick) {
  const select = make("select", {"aria-label": "Similarity shown", on: {change: () => pick(Number(select.value))}},
    ...d.similarities.map((s, k) => make("option", {value: k}, s.label)));
  const dino = d.similarities.findIndex((s) => s.label === "DINO");
  select.value = Math.max(dino, 0);
  return select;
}

const withQuadruplets = DATA.filter((d) => d.kind === "generated" && d.facets.activity && d.facets.group && d.n);
const browse = document.getElementById("browse");
if (withQuadruplets.length) {
  let d = withQuadruplets[0], activity = 0, measure = 0, select;
  const place = make("div"), tools = make("div", {class: "tools"});
  const show = () => { select.value = activity; place.replaceChildren(quadruplet(d, activity, measure)); };
  const step = (by) => { activity = (activity + by + d.facets.activity.values.length) % d.facets.activity.values.length; show(); };
  const open = (chosen) => {
    d = chosen; activity = 0;
    select = make("select", {"aria-label": "Activity", on: {change: () => { activity = Number(select.value); show(); }}},
      ...d.facets.activity.values.map((name, k) => make("option", {value: k}, name)));
    const similar = measures(d, (k) => { measure = k; show(); });
    measure = Number(similar.value);
    const datasets = withQuadruplets.length < 2 ? null : make("select", {"aria-label": "Dataset", on: {change: (event) => open(withQuadruplets[event.target.value])}},
      ...withQuadruplets.map((other, k) => make("option", {value: k, selected: other === d}, other.name)));
    tools.replaceChildren(...[datasets, make("button", {type: "button", "aria-label": "Previous activity", on: {click: () => step(-1)}}, "←"), select,
      make("button", {type: "button", "aria-label": "Next activity", on: {click: () => step(1)}}, "→"), similar].filter(Boolean));
    show();
  };
  open(d);
  browse.append(tools, place);
  browse.hidden = false;
} else for (const element of document.querySelectorAll(".if-quadruplets")) element.hidden = true;

const dialog = document.getElementById("detail");
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

function card(d, i) {
  const list = make("dl");
  const rows = facts(d, i);
  if (d.text) rows.push([d.kind === "generated" ? "prompt" : "caption", d.text.values[d.text.codes[i]]]);
  for (const [name, value] of rows) list.append(make("dt", {}, name), make("dd", {dir: "auto"}, value));
  return list;
}

/* Explorer: points on a canvas, drawn only when they move; the ring around one of them is an element. */
function explorer(holder) {
  const sets = DATA.filter((d) => d.maps.some((map) => Object.keys(map.methods).length));
  if (!sets.length) return;
  let d, map, xy, colourBy, shown = [], at = -1, view, filters;
  const canvas = make("canvas", {tabindex: "0", role: "application", "aria-label": "Map of the images; arrow keys move from point to point, Enter opens"});
  const ring = make("div", {class: "ring", hidden: true}), tip = make("div", {class: "tip", hidden: true}), panel = make("div", {class: "panel"});
  const zoom = make("div", {class: "zoom"}, ...[["+", "Zoom in", 1.5], ["\u2212", "Zoom out", 1 / 1.5], ["⟲", "Whole map", 0]].map(([text, label, by]) =>
    make("button", {type: "button", "aria-label": label, on: {click: () => scale(by)}}, text)));
  holder.append(make("div", {class: "explorer"}, make("div", {class: "stage"}, canvas, ring, zoom, tip), panel));
  holder.hidden = false;
  const context = canvas.getContext("2d");

  const reset = () => { view = {x: 32767, y: 32767, k: 1}; };
  const size = () => ({w: canvas.clientWidth, h: canvas.clientHeight});
  const unit = () => { const {w, h} = size(); return view.k * 0.94 / 65535 * Math.min(w, h * 1.25); };
  const px = (k) => size().w / 2 + (xy.x[k] - view.x) * unit();
  const py = (k) => size().h / 2 + (xy.y[k] - view.y) * unit() * 0.8;
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

  const code = (k) => colourBy === "cluster" ? map.clusters[k] : d.facets[colourBy].codes[map.points[k]];
  const colour = (c) => colourBy === "cluster" ? (c < 0 ? "#9aa0a8" : PALETTE[c % PALETTE.length]) : tone(d, colourBy, c);
  const radius = () => Math.max(1.6, Math.min(5, 160 / Math.sqrt(map.points.length))) * Math.min(2, Math.sqrt(view.k));
  let waiting = false;
  const redraw = () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } };

  function draw() {
    const {w, h} = size(), ratio = devicePixelRatio || 1;
    if (!w || !h) return; // printed, or in a folded part
    if (canvas.width !== Math.round(w * ratio)) canvas.width = Math.round(w * ratio);
    if (canvas.height !== Math.round(h * ratio)) canvas.height = Math.round(h * ratio);
    const u = unit(), ox = w / 2 - view.x * u, oy = h / 2 - view.y * u * 0.8, dots = disc(radius() * ratio), tones = new Map();
    const image = context.createImageData(canvas.width, canvas.height);
    for (const k of shown) {
      const c = code(k);
      if (!tones.has(c)) tones.set(c, parseInt(colour(c).slice(1), 16));
      blend(image, dots, tones.get(c), (ox + xy.x[k] * u) * ratio, (oy + xy.y[k] * u * 0.8) * ratio);
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

  /* Opacity of a dot's pixels, with a soft edge. */
  function disc(radius) {
    const side = Math.ceil(2 * radius + 2), opacity = new Float32Array(side * side), middle = (side - 1) / 2;
    for (let i = 0; i < opacity.length; i++) {
      const distance = Math.hypot(i % side - middle, Math.floor(i / side) - middle);
      opacity[i] = 0.78 * Math.max(0, Math.min(1, radius + 0.5 - distance));
    }
    return {side, opacity};
  }

  /* Pixel by pixel, since 20 000 calls of drawImage take ten times as long without a GPU. */
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

  function nearestTo(x, y, reach) {
    const {w, h} = size(), u = unit(), mx = view.x + (x - w / 2) / u, my = view.y + (y - h / 2) / u / 0.8;
    let best = -1, least = reach * reach;
    for (const k of shown) {
      const dx = (xy.x[k] - mx) * u, dy = (xy.y[k] - my) * u * 0.8, distance = dx * dx + dy * dy;
      if (distance < least) { least = distance; best = k; }
    }
    return best;
  }

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

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => { drag = {x: event.offsetX, y: event.offsetY, moved: false, touch: event.pointerType === "touch"}; });
  canvas.addEventListener("pointermove", (event) => {
    if (drag && !drag.touch && event.buttons) {
      const dx = event.offsetX - drag.x, dy = event.offsetY - drag.y;
      if (drag.moved || Math.hypot(dx, dy) > 4) {
        drag = {x: event.offsetX, y: event.offsetY, moved: true};
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
    const way = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]}[event.key];
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
      // Otherwise the same key press would go on to the Close button that has the focus by then.
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
  const choice = (label, options, value, pick) => {
    const id = `choice-${last++}`;
    const select = make("select", {id, on: {change: () => pick(select.value)}}, ...options.map(([key, text]) => make("option", {value: key}, text)));
    select.value = value;
    return [make("label", {for: id}, label), select];
  };

  function openMap(name, method) {
    map = d.maps.find((other) => other.space === name) ?? d.maps[0];
    const methods = Object.keys(map.methods);
    xy = map.methods[methods.includes(method) ? method : methods.includes("umap") ? "umap" : methods[0]];
    if (colourBy === "cluster" && !map.clusters) colourBy = Object.keys(d.facets)[0];
    at = -1; tip.hidden = true;
    filter();
  }

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
      const names = colourBy === "cluster" ? [...new Set(map.clusters)].sort((a, b) => a - b).map((c) => [c, c < 0 ? "in no cluster" : `cluster ${c}`])
        : d.facets[colourBy].values.map((value, c) => [c, value]);
      legend.append(...names.map(([c, text]) => make("li", {}, make("span", {class: "dot", style: {background: colour(c)}}), text)));
    };
    const controls = [];
    if (sets.length > 1) controls.push(...choice("Dataset", sets.map((s, k) => [k, s.name]), index, (k) => openSet(Number(k))));
    controls.push(...choice("Space", d.maps.map((m) => [m.space, m.label]), first, (name) => { space = name; reset(); openMap(space, method); relegend(); }));
    controls.push(...choice("Map", [["umap", "UMAP"], ["tsne", "t-SNE"]], method, (name) => { method = name; reset(); openMap(space, method); }));
    controls.push(...choice("Colour", [...few.map(([name]) => [name, name.replaceAll("_", " ")]), ["cluster", "k-means cluster"]], colourBy,
      (name) => { colourBy = name === "cluster" && !map.clusters ? colourBy : name; recolour(); relegend(); redraw(); }));
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
          return make("button", {type: "button", "aria-pressed": "true", on: {click: (event) => {
            if (on.has(c)) on.delete(c); else on.add(c);
            event.currentTarget.setAttribute("aria-pressed", on.has(c));
            filter();
          }}}, mark, value);
        }))));
      } else if (f.values.length <= 40) {
        let wanted = "";
        filters[name] = (i) => wanted === "" || f.codes[i] === Number(wanted);
        controls.push(...choice(label, [["", "all"], ...f.values.map((value, c) => [c, value])], "", (value) => { wanted = value; filter(); }));
      } else {
        let match = null;
        filters[name] = (i) => !match || match[f.codes[i]];
        const id = `choice-${last++}`, list = make("datalist", {id: `${id}-list`}, ...f.values.map((value) => make("option", {value})));
        const field = make("input", {id, type: "search", list: `${id}-list`, placeholder: `any ${label}`, on: {input: () => {
          const word = field.value.trim().toLowerCase();
          match = word && f.values.map((value) => value.toLowerCase().includes(word));
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
explorer(document.getElementById("explore"));
})();
