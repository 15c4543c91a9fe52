// The page: draws moments, live ones as they come or kept ones as the slider asks. Nothing is loaded
// from elsewhere. A moment is a zlib stream: picture, firings uint32 [cores], input bits, scores float32.
"use strict";
const $ = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const MODES = ["realtime", "lockstep", "free"];
const TICKS = 300; // ticks across the raster
const state = { about: null, numbers: {}, rates: null, most: 0, core: -1, pointed: -1, raster: [], tick: 0,
  decision: 0, before: 0, scores: [], history: [], paused: false, at: 0, playing: false, mode: "", busy: false };
window.tnemu = state; // for those who look under the bonnet, and for the tests

const count = (n) => n == null ? "–" : Math.round(n).toLocaleString("en");
const fixed = (n, d) => n == null ? "–" : n.toLocaleString("en", { minimumFractionDigits: d, maximumFractionDigits: d });
const points = (n) => n == null ? "–" : n.toLocaleString("en", { maximumFractionDigits: 2 });

function rgb(text) {
  const n = parseInt(text.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}
let ramp = [];
function colours() {
  const [low, mid, high] = ["--low", "--mid", "--high"].map((n) => rgb(css(n)));
  ramp = Array.from({ length: 256 }, (_, i) => {
    const t = i / 127.5, [a, b, f] = t < 1 ? [low, mid, t] : [mid, high, t - 1];
    return a.map((v, k) => Math.round(v + (b[k] - v) * f));
  });
}

async function unpack(base64) {
  const packed = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function show(event) {
  if (event.data) {
    const raw = await unpack(event.data), about = state.about;
    const [height, width] = event.shape, size = height * width * 3, cores = about.cores.length;
    const view = new DataView(raw.buffer), after = size + 4 * cores, end = after + Math.ceil(about.input.width / 8);
    const ticks = Math.max(1, (event.decision - (event.before ?? state.before)) * about.ticks_per_decision);
    state.before = state.decision = event.decision;
    state.rates = Float64Array.from({ length: cores }, (_, k) => view.getUint32(size + 4 * k, true) / ticks);
    state.scores = Array.from({ length: (raw.length - end) >> 2 }, (_, k) => view.getFloat32(end + 4 * k, true));
    drawGame(raw, width, height, about.players[event.player] || about.players[0]);
    drawInput(raw.subarray(after, end));
    drawVotes(about.players[event.player] || about.players[0], event.action);
    if ("tick" in event) state.tick = event.tick;
    if (event.raster && event.watched === state.core) state.raster.push(...event.raster);
    drawChip();
    drawRaster();
    tell();
  }
  if (event.numbers) drawNumbers(event.numbers);
}

function drawGame(raw, width, height, player) {
  const canvas = $("game");
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  canvas.style.aspectRatio = String(player.aspect || width / height);
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0, j = 0; j < image.data.length; i += 3, j += 4) {
    image.data[j] = raw[i]; image.data[j + 1] = raw[i + 1]; image.data[j + 2] = raw[i + 2]; image.data[j + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function drawChip() {
  const { board, cores } = state.about, width = board.units * board.width, canvas = $("chip");
  if (canvas.width !== width * 4) { canvas.width = width * 4; canvas.height = board.height * 4; }
  canvas.style.aspectRatio = `${width} / ${board.height}`;
  const context = canvas.getContext("2d");
  context.fillStyle = css("--unloaded");
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (!state.rates) return;
  for (const rate of state.rates) if (rate > state.most) state.most = rate;
  $("most").textContent = fixed(state.most, 0);
  cores.forEach(([unit, x, y], k) => {
    const [r, g, b] = ramp[Math.min(255, Math.round(255 * state.rates[k] / (state.most || 1)))];
    context.fillStyle = `rgb(${r} ${g} ${b})`;
    context.fillRect((unit * board.width + x) * 4, (board.height - 1 - y) * 4, 4, 4);
  });
  context.strokeStyle = css("--line");
  context.lineWidth = 1;
  for (let x = board.chip[0]; x < width; x += board.chip[0]) context.strokeRect(x * 4, -1, 0, canvas.height + 2);
  for (let y = board.chip[1]; y < board.height; y += board.chip[1]) context.strokeRect(-1, y * 4, canvas.width + 2, 0);
  for (const [core, colour] of [[state.core, css("--alarm")], [state.pointed, css("--ink")]]) {
    if (core < 0) continue;
    const [unit, x, y] = cores[core];
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.strokeRect((unit * board.width + x) * 4 - 1, (board.height - 1 - y) * 4 - 1, 6, 6);
  }
}

function tell() {
  const core = state.pointed >= 0 ? state.pointed : state.core;
  if (core < 0) return;
  const { cores, layers, names } = state.about, [unit, x, y, layer] = cores[core];
  const rate = state.rates ? `${fixed(state.rates[core], 1)} firings a tick` : "no firings yet";
  $("core").textContent = `core ${core} at (${x}, ${y})${unit ? ` of unit ${unit}` : ""} · ${layers[layer]} · ${names[core]} · ${rate}`;
}

function drawInput(bytes) {
  const { shape, width } = state.about.input, [channels, rows, columns] = shape;
  const across = Math.ceil(Math.sqrt(channels * rows / columns)), down = Math.ceil(channels / across);
  const canvas = $("input");
  canvas.width = across * (columns + 1) - 1; canvas.height = down * (rows + 1) - 1;
  const context = canvas.getContext("2d"), on = css("--ink");
  context.fillStyle = css("--line");
  context.fillRect(0, 0, canvas.width, canvas.height);
  let spikes = 0;
  for (let c = 0; c < channels; c++) {
    const left = (c % across) * (columns + 1), top = Math.floor(c / across) * (rows + 1);
    context.fillStyle = css("--card");
    context.fillRect(left, top, columns, rows);
    context.fillStyle = on;
    for (let k = 0; k < rows * columns; k++) {
      const pin = c * rows * columns + k;
      if (pin >= width || !((bytes[pin >> 3] >> (pin & 7)) & 1)) continue;
      spikes++;
      context.fillRect(left + k % columns, top + Math.floor(k / columns), 1, 1);
    }
  }
  $("inputs").textContent = `${count(spikes)} of ${count(width)} pins spike`;
}

function drawVotes(player, action) {
  const box = $("votes"), lowest = Math.min(0, ...state.scores), highest = Math.max(1, ...state.scores);
  if (box.children.length !== player.actions.length) {
    box.replaceChildren(...player.actions.map(() => {
      const row = document.createElement("div");
      row.className = "vote";
      row.innerHTML = "<span></span><span></span><span class=bar><i></i></span><output></output>";
      return row;
    }));
  }
  player.actions.forEach((name, k) => {
    const row = box.children[k], [mark, label, bar, value] = row.children, score = state.scores[k] ?? 0;
    row.classList.toggle("chosen", k === action);
    mark.textContent = k === action ? "▶" : "";
    label.textContent = name.toLowerCase();
    bar.firstChild.style.width = `${100 * (score - lowest) / (highest - lowest)}%`;
    value.textContent = points(score);
  });
}

function drawRaster() {
  const canvas = $("raster"), context = canvas.getContext("2d"), first = state.tick - TICKS;
  state.raster = state.raster.filter(([tick]) => tick >= first);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = css("--calm");
  for (const [tick, neuron] of state.raster) context.fillRect((tick - first) * canvas.width / TICKS, 255 - neuron, 2, 1);
}

function line(canvas, values, low, high, zero) {
  const context = canvas.getContext("2d"), { width, height } = canvas;
  const y = (v) => 4 + (height - 8) * (high - v) / ((high - low) || 1);
  context.clearRect(0, 0, width, height);
  if (zero != null) {
    context.strokeStyle = css("--alarm"); context.setLineDash([6, 4]); context.beginPath();
    context.moveTo(0, y(zero)); context.lineTo(width, y(zero)); context.stroke(); context.setLineDash([]);
  }
  return (value, k, n) => [k * width / Math.max(1, n - 1), y(value)];
}

function drawLate(numbers) {
  const strip = (numbers.strip || []).filter((v) => v != null), canvas = $("late"), context = canvas.getContext("2d");
  const low = Math.min(0, ...strip), high = Math.max(numbers.dated ? 5 : 1, ...strip);
  const place = line(canvas, strip, low, high, numbers.dated ? 0 : null);
  strip.forEach((value, k) => {
    const [x, y] = place(value, k, 90);
    context.fillStyle = css(numbers.dated && value > 0 ? "--alarm" : "--calm");
    if (numbers.dated && value > 0) context.fillRect(x - 3, y - 3, 7, 7); // a square, and above the line
    else context.fillRect(x - 1.5, y - 1.5, 4, 4);
  });
  const p = numbers.lateness_ms || {};
  $("latename").textContent = numbers.dated === false ? "Time to decide" : "Lateness against the deadline";
  $("latenumbers").textContent = p.p50 == null ? "no deadline in this mode"
    : `p50 ${fixed(p.p50, 1)}, p95 ${fixed(p.p95, 1)}, p99 ${fixed(p.p99, 1)}, max ${fixed(p.max, 1)} ms · dashed: the deadline`;
}

function drawTrack() {
  const canvas = $("track"), { track, moments } = state.about;
  const scores = track ? track.score : state.history;
  if (!scores.length) return;
  const low = Math.min(0, ...scores), high = Math.max(1, ...scores), place = line(canvas, scores, low, high, null);
  const context = canvas.getContext("2d");
  context.strokeStyle = css("--calm"); context.lineWidth = 2; context.beginPath();
  scores.forEach((value, k) => context[k ? "lineTo" : "moveTo"](...place(value, k, scores.length)));
  context.stroke();
  if (track) {
    const x = canvas.width * state.decision / (track.decision.at(-1) || 1);
    context.strokeStyle = css("--alarm"); context.beginPath(); context.moveTo(x, 0); context.lineTo(x, canvas.height); context.stroke();
  }
}

function drawNumbers(numbers) {
  state.numbers = { ...state.numbers, ...numbers };
  const n = state.numbers, live = state.about.kind === "live";
  state.paused = live ? !!n.paused : !state.playing;
  if (n.score != null && live && numbers.running) { state.history.push(n.score); if (state.history.length > 600) state.history.shift(); }
  const rows = [
    ["score", n.score == null ? "–" : points(n.score)],
    ["episodes", `${count(n.episodes)}${n.returns?.length ? `: ${n.returns.map(points).join(", ")}` : ""}`],
    ["decisions", `${count(n.decisions)} at ${fixed(n.decisions_per_second, 1)} a second`],
    ["after their deadline", count(n.misses)],
    ["ticks", count(n.ticks)],
    ["spikes", `${count(n.spikes_per_tick)} a tick`],
    ["synaptic operations", `${fixed(n.synaptic_operations_per_s / 1e6, 1)} M a second, chip time`],
    ["power, estimated", `${fixed(n.power_mw, 1)} mW`],
    ["… assumed, static", `${fixed(n.assumed_mw, 1)} mW`],
    ["… counted", `${fixed(n.counted_mw, 2)} mW`],
  ];
  if (n.ticks != null) {
    $("numbers").replaceChildren(...rows.flatMap(([name, value]) => {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = name; dd.textContent = value; dd.dataset.name = name;
      return [dt, dd];
    }));
  }
  if (n.strip) drawLate(n);
  drawTrack();
  $("state").textContent = n.ended && (live || state.at === state.about.moments.length - 1) ? n.ended
    : live ? (n.running ? (n.paused ? "paused" : "running") : n.compiling ? "compiling the engine, once" : "host and board are starting")
    : state.playing ? "replay" : "replay, paused";
  if (n.ended && live) document.querySelectorAll("nav button").forEach((b) => { b.disabled = true; });
  buttons();
}

function buttons() {
  $("pause").textContent = state.paused ? "Go on" : "Pause";
  $("pause").setAttribute("aria-pressed", String(state.paused));
  document.querySelectorAll("#modes button").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.mode === state.mode)));
}

async function ask(what, value) {
  const answer = await fetch("pace", { method: "POST", body: JSON.stringify({ do: what, value }) });
  if (!answer.ok) $("state").textContent = await answer.text();
}

async function go(k) { // to moment k of a run that is kept
  const { moments } = state.about;
  state.at = Math.max(0, Math.min(moments.length - 1, k));
  if (state.busy) return;
  state.busy = true;
  for (let wanted = -1; wanted !== state.at;) {
    wanted = state.at;
    const event = await (await fetch(`moment/${wanted}`)).json();
    await show({ ...event, before: wanted ? moments[wanted - 1] : 0 });
  }
  state.busy = false;
  $("time").value = String(state.at);
  $("when").textContent = `${fixed(state.decision / state.about.fps, 1)} s`;
}

const replay = {
  pause() { state.playing = !state.playing; if (state.playing && state.at === state.about.moments.length - 1) state.at = -1; drawNumbers({}); },
  step() { state.playing = false; go(state.at + 1); },
  next() {
    const { moments, overs } = state.about, over = overs.find((d) => d > moments[state.at]);
    go(over == null ? moments.length - 1 : moments.findIndex((d) => d > over) >>> 0);
  },
  mode(name) { state.mode = name; buttons(); },
  watch() {},
};
const live = {
  pause() { ask(state.paused ? "go" : "pause"); },
  step() { ask("step"); },
  next() { ask("next"); },
  mode(name) { state.mode = name; ask("mode", name); buttons(); },
  watch(core) { ask("watch", core); },
};
let run = live;

function choose(core) {
  state.core = core; state.raster = [];
  $("watched").textContent = core < 0 ? "no core chosen" : `core ${core}, ${state.about.names[core]}`;
  run.watch(core); drawChip(); drawRaster(); tell();
}

function nearest(x, y) {
  let best = -1, least = 3;
  state.about.cores.forEach(([unit, cx, cy], k) => {
    const away = Math.abs(unit * state.about.board.width + cx - x) + Math.abs(cy - y);
    if (away < least) { least = away; best = k; }
  });
  return best;
}

function listen() {
  const chip = $("chip"), at = (event) => {
    const box = chip.getBoundingClientRect(), { board } = state.about;
    return nearest(Math.floor((event.clientX - box.left) / box.width * board.units * board.width),
      Math.floor((1 - (event.clientY - box.top) / box.height) * board.height));
  };
  chip.addEventListener("pointermove", (event) => { state.pointed = at(event); drawChip(); tell(); });
  chip.addEventListener("pointerleave", () => { state.pointed = -1; drawChip(); tell(); });
  chip.addEventListener("click", (event) => choose(at(event)));
  chip.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Enter") { choose(Math.max(0, state.pointed)); event.preventDefault(); }
    if (!way) return;
    event.preventDefault(); event.stopPropagation();
    const { cores, board } = state.about, [unit, x, y] = cores[Math.max(0, state.pointed)];
    const here = [unit * board.width + x, y];
    let best = state.pointed < 0 ? 0 : state.pointed, least = Infinity;
    if (state.pointed >= 0) cores.forEach(([u, cx, cy], k) => {
      const dx = u * board.width + cx - here[0], dy = cy - here[1], along = dx * way[0] + dy * way[1];
      const away = along + 4 * Math.abs(dx * way[1] + dy * way[0]);
      if (along > 0 && away < least) { least = away; best = k; }
    });
    state.pointed = best; drawChip(); tell();
  });
  $("pause").addEventListener("click", () => run.pause());
  $("step").addEventListener("click", () => run.step());
  $("next").addEventListener("click", () => run.next());
  $("time").addEventListener("input", (event) => { state.playing = false; go(Number(event.target.value)); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.id === "time") return;
    const onButton = event.target.tagName === "BUTTON", moves = run === replay && event.target.id !== "chip";
    if (event.key === " " && !onButton) run.pause();
    else if (event.key === ".") run.step();
    else if (event.key === "n") run.next();
    else if ("123".includes(event.key)) document.querySelectorAll("#modes button")[event.key - 1]?.click();
    else if (moves && event.key === "ArrowLeft") { state.playing = false; go(state.at - 1); }
    else if (moves && event.key === "ArrowRight") { state.playing = false; go(state.at + 1); }
    else return;
    event.preventDefault();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours(); drawChip(); drawRaster(); drawNumbers({}); });
}

function modes(names) {
  $("modes").replaceChildren(...names.map((name) => {
    const button = document.createElement("button");
    button.textContent = button.dataset.mode = name;
    button.addEventListener("click", () => run.mode(name));
    return button;
  }));
}

async function begin() {
  colours();
  const about = state.about = await (await fetch("about")).json();
  document.title = about.title;
  $("title").textContent = about.title;
  $("board").textContent = `${about.board.name}, ${count(about.cores.length)} of ${count(about.board.cores)} cores loaded`;
  listen();
  drawChip();
  if (about.kind === "live") {
    modes(MODES);
    state.mode = about.mode;
    buttons();
    let last = Promise.resolve();
    const source = new EventSource("events");
    source.onmessage = (message) => {
      const event = JSON.parse(message.data);
      last = last.then(() => show(event));
      if (event.numbers?.ended) source.close();
    };
    source.onerror = () => { if (!state.numbers.ended) $("state").textContent = "the run does not answer"; };
    return;
  }
  run = replay;
  modes(["1×", "4×", "½×"]);
  state.mode = "1×";
  $("slider").hidden = false;
  $("time").max = String(about.moments.length - 1);
  $("rasternote").textContent = "Single firings are not kept; play with --web to see them as they happen.";
  const speed = { "1×": 1, "4×": 4, "½×": 0.5 }, period = 1000 * (about.moments[1] - about.moments[0] || 1) / about.fps;
  let due = performance.now();
  const turn = (now) => {
    const step = period / speed[state.mode];
    if (!state.playing) due = now;
    else if (now - due >= step && !state.busy) {
      const many = Math.min(30, Math.floor((now - due) / step));
      due += many * step;
      if (state.at + 1 >= about.moments.length) { state.playing = false; drawNumbers({}); }
      else go(state.at + many);
    }
    requestAnimationFrame(turn);
  };
  if (about.moments.length) await go(0);
  requestAnimationFrame(turn);
}
begin();
