// The plan of a classroom: its geofence on a grid of metres, north above. What is moved there is
// written into the form's fields, and what is typed there is drawn.

const EARTH_M = 6371008.8; // mean radius, as the check-in measures
const VAGUE_M = 50;
const SVG = "http://www.w3.org/2000/svg";

const section = document.querySelector("[data-plan]");
const drawing = section.querySelector("[data-plan-drawing]");
const status = section.querySelector("[data-plan-status]");
const data = JSON.parse(section.querySelector("script").textContent);
const fields = {
  latitude: document.querySelector("#id_latitude"),
  longitude: document.querySelector("#id_longitude"),
  radius: document.querySelector("#id_geofence_radius"),
};
const editable = Object.values(fields).every(Boolean);

let origin = null; // degrees: the middle of what is shown
let half = 100; // metres from the middle to the border of what is shown
let accuracy = null; // of the position that the browser told: degrees and metres
let dragged = ""; // "middle" or "edge"
const opened = room();

function number(field) {
  const value = field.value.trim().replace(",", ".");
  return value !== "" && Number.isFinite(Number(value)) ? Number(value) : null;
}

/** The room as the form says it; null without a place. */
function room() {
  const found = editable
    ? { latitude: number(fields.latitude), longitude: number(fields.longitude), radius: number(fields.radius) }
    : data.room;
  const placed =
    found && found.latitude !== null && found.longitude !== null &&
    Math.abs(found.latitude) <= 90 && Math.abs(found.longitude) <= 180;
  return placed ? { ...found, radius: Math.min(Math.max(found.radius ?? 50, 1), 100000) } : null;
}

/** Metres east and south of the origin (as a drawing's y), on a plane: rooms are near. */
function metres(place) {
  const scale = Math.cos((origin.latitude * Math.PI) / 180);
  return {
    x: ((place.longitude - origin.longitude) * Math.PI * EARTH_M * scale) / 180,
    y: ((origin.latitude - place.latitude) * Math.PI * EARTH_M) / 180,
  };
}

function degrees({ x, y }) {
  const scale = Math.max(Math.cos((origin.latitude * Math.PI) / 180), 1e-6);
  return {
    latitude: origin.latitude - (y * 180) / (Math.PI * EARTH_M),
    longitude: origin.longitude + (x * 180) / (Math.PI * EARTH_M * scale),
  };
}

/** 1, 2 or 5 times a power of ten. */
function round(length) {
  const power = 10 ** Math.floor(Math.log10(length));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= length * 0.999);
}

function make(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  if (text) {
    element.textContent = text;
  }
  return element;
}

/** Where the middle of the drawing is and how far it reaches. */
function frame(place) {
  const wanted = Math.max(place.radius * 1.5, (accuracy?.metres ?? 0) * 1.2, 15);
  const at = origin && metres(place);
  if (!at || Math.hypot(at.x, at.y) > half / 2 || wanted > half || wanted < half / 4) {
    origin = { latitude: place.latitude, longitude: place.longitude };
    half = wanted * 1.2;
  }
}

function draw() {
  const place = room();
  drawing.toggleAttribute("hidden", !place);
  if (!place) {
    status.textContent = section.dataset.none;
    return;
  }
  if (!dragged) {
    frame(place);
  }
  const grid = round(half / 6);
  const thin = half / 200;
  const parts = [...lines(grid, thin)];
  for (const other of data.neighbours) {
    const at = metres(other);
    if (Math.abs(at.x) < half && Math.abs(at.y) < half) {
      parts.push(
        make("circle", { class: "plan-neighbour", cx: at.x, cy: at.y, r: half / 60 }),
        make("text", { x: at.x + half / 40, y: at.y, "font-size": half / 16 }, other.name),
      );
    }
  }
  if (accuracy) {
    const at = metres(accuracy);
    parts.push(
      make("circle", { class: "plan-accuracy", cx: at.x, cy: at.y, r: accuracy.metres, "stroke-width": thin * 2 }),
    );
  }
  const { x, y } = metres(place);
  parts.push(
    make("circle", { class: "plan-fence", cx: x, cy: y, r: place.radius, "stroke-width": thin * 2 }),
    make("circle", { class: "plan-middle", cx: x, cy: y, r: half / 25, "data-handle": "middle" }),
  );
  if (editable) {
    parts.push(
      make("circle", { class: "plan-edge", cx: x + place.radius, cy: y, r: half / 30, "data-handle": "edge", "stroke-width": thin * 2 }),
    );
  }
  drawing.setAttribute("viewBox", `${-half} ${-half} ${2 * half} ${2 * half}`);
  drawing.replaceChildren(...parts);
  say(place, grid);
}

function* lines(grid, thin) {
  for (let at = -Math.floor(half / grid) * grid; at <= half; at += grid) {
    yield make("line", { class: "plan-line", x1: at, x2: at, y1: -half, y2: half, "stroke-width": thin });
    yield make("line", { class: "plan-line", y1: at, y2: at, x1: -half, x2: half, "stroke-width": thin });
  }
  const left = -half * 0.94;
  const low = half * 0.92;
  yield make("line", { class: "plan-scale", x1: left, x2: left + grid, y1: low, y2: low, "stroke-width": thin * 4 });
  yield make("text", { x: left, y: low - half / 40, "font-size": half / 16 }, `${grid} m`);
  yield make("text", { x: half * 0.88, y: -half * 0.88, "font-size": half / 14 }, "N");
}

function say(place, grid) {
  const parts = [
    section.dataset.place.replace("%r", place.radius).replace("%g", grid),
  ];
  if (opened) {
    const from = metres(opened);
    const to = metres(place);
    const by = Math.round(Math.hypot(to.x - from.x, to.y - from.y));
    if (by) {
      parts.push(section.dataset.moved.replace("%m", by));
    }
  }
  if (accuracy) {
    const text = accuracy.metres > VAGUE_M ? section.dataset.vague : section.dataset.found;
    parts.push(text.replace("%m", Math.ceil(accuracy.metres)));
  }
  status.textContent = parts.join(" ");
}

/** Write into the form, as if it had been typed. */
function put(values) {
  for (const [name, value] of Object.entries(values)) {
    fields[name].value = name === "radius" ? value.toFixed(2).replace(/\.?0+$/, "") : value.toFixed(7);
  }
  fields.radius.dispatchEvent(new Event("change", { bubbles: true }));
  draw();
}

function move(x, y) {
  const at = metres(room());
  put(degrees({ x: at.x + x, y: at.y + y }));
}

function widen(by) {
  const place = room();
  if (place) {
    put({ radius: Math.min(Math.max(place.radius + by, 1), 100000) });
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function pressed(event) {
  if (!room() || event.ctrlKey || event.altKey || event.metaKey) {
    return;
  }
  const step = event.shiftKey ? 10 : 1;
  if (event.key in ARROWS) {
    const [x, y] = ARROWS[event.key];
    move(x * step, y * step);
  } else if (["+", "="].includes(event.key)) {
    widen(1);
  } else if (["-", "−"].includes(event.key)) {
    widen(-1);
  } else {
    return;
  }
  event.preventDefault();
}

/** Metres on the drawing below the pointer. */
function below(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
  return { x: at.x, y: at.y };
}

function locate() {
  status.textContent = section.dataset.asking;
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      accuracy = { latitude: coords.latitude, longitude: coords.longitude, metres: coords.accuracy };
      put({ latitude: coords.latitude, longitude: coords.longitude });
    },
    (error) => {
      status.textContent = error.code === error.PERMISSION_DENIED ? section.dataset.refused : section.dataset.lost;
    },
    { enableHighAccuracy: true, timeout: 15000, maximumAge: 0 },
  );
}

if (editable) {
  for (const field of Object.values(fields)) {
    field.addEventListener("input", draw);
  }
  drawing.addEventListener("keydown", pressed);
  drawing.addEventListener("pointerdown", (event) => {
    dragged = event.target.dataset?.handle ?? "";
    if (dragged) {
      drawing.setPointerCapture(event.pointerId);
    }
  });
  drawing.addEventListener("pointermove", (event) => {
    if (dragged === "middle") {
      put(degrees(below(event)));
    } else if (dragged === "edge") {
      const at = metres(room());
      const to = below(event);
      put({ radius: Math.max(Math.round(Math.hypot(to.x - at.x, to.y - at.y)), 1) });
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    drawing.addEventListener(name, () => {
      dragged = "";
      draw();
    });
  }
  section.querySelector("[data-plan-here]").addEventListener("click", locate);
  section.querySelector("[data-plan-smaller]").addEventListener("click", () => widen(-5));
  section.querySelector("[data-plan-larger]").addEventListener("click", () => widen(5));
}
draw();
