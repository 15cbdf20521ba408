// What podline tells, drawn. Every text is set as text (textContent): nothing of a cluster or of traffic is ever markup.

import { drawChart } from "/chart.js";
import { Table, bytes, clock, draw, find, make, many, put, span, speed, words } from "/draw.js";
import { ask, download, forgetToken, hasToken, onNewToken } from "/server.js";

const ROWS = 100;
const EVENTS = 300;
const REQUESTS = 500;
const LONGEST_LINE = 4 * 1024 * 1024; // characters that may come without the end of a line
const FIRST_RETRY = 1000; // milliseconds
const LAST_RETRY = 10000; // milliseconds
const TYPING = 200; // milliseconds without a key until a filter is asked for

// ---- forwards

let targets = [];

function drawForwards(forwards) {
  targets = forwards.map((forward) => forward.target);
  draw(find("forwards"), forwards, createForward, updateForward);
  const choice = find("forward");
  draw(choice, [{ index: "", target: "all forwards" }, ...forwards], () => make("option"), (option, { index, target }) => {
    option.value = index;
    put(option, target);
  });
  const sum = (pick) => forwards.reduce((sum, forward) => sum + pick(forward), 0);
  put(find("totals"), `${many(sum((f) => f.open), "open connection", "open connections")}, `
    + `${sum((f) => f.accepted)} in all, ${sum((f) => f.failed)} failed, `
    + `${bytes(sum((f) => f.received))} received, ${bytes(sum((f) => f.sent))} sent`);
}

function createForward() {
  const forward = make("div", "forward");
  forward.append(make("div", "target"), make("div", "pods"), make("div", "numbers"), make("div", "addresses"), make("div", "waiting"));
  return forward;
}

function updateForward(element, forward) {
  const [target, pods, numbers, addresses, waiting] = element.children;
  put(target, forward.target);
  draw(pods, forward.pods, () => {
    const pod = make("span", "pod");
    pod.append(make("span"), make("small"));
    return pod;
  }, (element, pod) => {
    element.dataset.state = pod.state;
    put(element.children[0], pod.name);
    put(element.children[1], ` ${pod.state}, ${many(pod.connections, "connection", "connections")}`);
    element.title = `${pod.namespace}/${pod.name} ${pod.ip ?? ""}`;
  });
  put(numbers, `${forward.open} open · ${forward.accepted_per_second} new/s · ↓ ${speed(forward.received_per_second)} · ↑ ${speed(forward.sent_per_second)}`);
  const transport = forward.transport ? ` · ${forward.transport}` : "";
  put(addresses, forward.addresses.map(({ local, remote }) => `${local} → ${remote}`).join(", ") + transport);
  const held = forward.held > 0 ? `${many(forward.held, "connection is", "connections are")} held. ` : "";
  const reason = forward.waiting === null ? "" : `Waiting for a pod: ${forward.waiting}`;
  put(waiting, held + reason);
  waiting.hidden = held + reason === "";
}

// ---- connections

const query = {
  forward: null, filter: "", show: "all", sort: "accepted", descending: true, skip: 0, rows: ROWS, watched: null, since: 0,
};

const STATES = { open: "good", half_closed: "good", held: "warn", clean: "faint", app_reset: "faint", killed: "faint", shut_down: "faint" };
const toneOf = (row) => STATES[row.state] ?? "bad";
const keyOf = (row) => `${row.forward}/${row.id}`;
const isOpen = (row) => row.reason === null;

const COLUMNS = [
  { title: "#", sort: "accepted", className: "number", text: (row) => String(row.id) },
  { title: "Forward", sort: "forward", className: "wide", text: (row) => targets[row.forward] ?? "" },
  { title: "From", sort: "peer", className: "wide", text: (row) => row.peer },
  { title: "Pod", sort: "pod", className: "", text: (row) => (row.pod === null ? "none" : `${row.pod}:${row.port}`) },
  { title: "Speaks", className: "wide", text: (row) => row.protocol ?? "" },
  { title: "State", sort: "state", className: "tone", text: (row) => words(row.state) },
  { title: "Age", sort: "age", className: "number", text: (row) => span(row.age_ms) },
  { title: "First byte", sort: "first_byte", className: "number wide", text: (row) => (row.first_byte_ms === null ? "" : span(row.first_byte_ms)) },
  { title: "Received", sort: "received", className: "number", text: (row) => bytes(row.received) },
  { title: "Sent", sort: "sent", className: "number wide", text: (row) => bytes(row.sent) },
  { title: "Speed", sort: "speed", className: "number", text: (row) => (isOpen(row) ? speed(row.received_per_second + row.sent_per_second) : "") },
];

const table = new Table(find("connection-table"), COLUMNS, openConnection);
table.head((column) => {
  const isSame = query.sort === column.sort;
  // Numbers are most interesting where they are highest.
  askAnew({ sort: column.sort, descending: isSame ? !query.descending : column.className.includes("number"), skip: 0 });
  table.showSort(query.sort, query.descending);
});
table.showSort(query.sort, query.descending);

function drawConnections({ open, matching, skipped, rows }) {
  table.draw(rows, keyOf, toneOf);
  table.select(query.watched && keyOf(query.watched));
  find("no-connections").hidden = rows.length > 0;
  put(find("no-connections"), query.filter || query.show !== "all" ? "No such connections." : "No connections yet.");
  const range = rows.length < matching ? `, ${skipped + 1} to ${skipped + rows.length} shown` : "";
  put(find("window"), `${open} open, ${matching} listed${range}`);
  query.skip = skipped;
  find("previous").disabled = skipped === 0;
  find("next").disabled = skipped + rows.length >= matching;
}

function turn(by) {
  askAnew({ skip: Math.max(0, query.skip + by * ROWS) });
}

find("previous").addEventListener("click", () => turn(-1));
find("next").addEventListener("click", () => turn(1));
find("show").addEventListener("change", (event) => askAnew({ show: event.target.value, skip: 0 }));
find("forward").addEventListener("change", (event) => {
  askAnew({ forward: event.target.value === "" ? null : Number(event.target.value), skip: 0 });
});

let typing;
find("filter").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => askAnew({ filter: event.target.value, skip: 0 }), TYPING);
});

// ---- HTTP requests

const requests = []; // the latest first
let missed = 0;

const REQUEST_COLUMNS = [
  { title: "Time", className: "", text: (request) => clock(request.at) },
  { title: "Method", className: "", text: (request) => request.method },
  { title: "Path", className: "path", text: (request) => request.target },
  { title: "Host", className: "wide", text: (request) => request.host ?? "" },
  { title: "Status", className: "tone", text: (request) => statusOf(request) },
  { title: "Took", className: "number", text: (request) => span(request.duration_ms) },
  { title: "Received", className: "number wide", text: (request) => bytes(request.response_body) },
  { title: "Sent", className: "number wide", text: (request) => bytes(request.request_body) },
  { title: "Connection", className: "number wide", text: (request) => `#${request.connection}` },
];

function statusOf({ status, grpc, ending, is_complete }) {
  const parts = [status === null ? null : String(status), grpc, is_complete ? null : ending];
  return parts.filter((part) => part !== null).join(", ");
}

function requestTone({ status, grpc, is_complete }) {
  if (!is_complete || status === null || status >= 500) return "bad";
  if (status >= 400 || (grpc !== null && grpc !== "OK")) return "warn";
  return "good";
}

const requestTable = new Table(find("request-table"), REQUEST_COLUMNS, openRequest);
requestTable.head();

function addRequest(request) {
  query.since = Math.max(query.since, request.number);
  requests.unshift(request);
  if (requests.length > REQUESTS) requests.pop();
}

function drawRequests() {
  const wanted = find("request-filter").value.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const has = (request) => {
    const text = [request.method, request.target, request.host ?? "", statusOf(request), `#${request.connection}`].join(" ").toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
  const shown = requests.filter(has).slice(0, ROWS);
  requestTable.draw(shown, (request) => request.number, requestTone);
  requestTable.select(detail?.number ?? null);
  find("no-requests").hidden = shown.length > 0;
  put(find("no-requests"), wanted.length > 0 ? "No such requests." : "No requests yet.");
  const lost = missed > 0 ? `, ${missed} more came too fast to be shown` : "";
  put(find("request-window"), `the last ${shown.length} of ${requests.length}${lost}`);
}

find("request-filter").addEventListener("input", drawRequests);

async function openRequest(request) {
  openDetail(`${request.method} ${request.target}`);
  detail = request;
  if (query.watched) askAnew({ watched: null });
  table.select(null);
  find("end").hidden = true;
  drawRequest(request, { request_headers: [], response_headers: [] });
  requestTable.select(request.number);
  try {
    const answer = await ask("/api/request", { number: request.number });
    if (answer.ok && detail === request) drawRequest(request, await answer.json());
  } catch {
    notice("podline does not answer");
  }
}

function drawRequest(request, { request_headers, response_headers }) {
  const shown = (headers) => headers.map(({ name, value }) => [name, value ?? "not shown"]);
  drawDetail([
    ["Forward", targets[request.forward] ?? ""],
    ["Connection", `#${request.connection}${request.stream === null ? "" : `, stream ${request.stream}`}`],
    ["Began", new Date(request.at).toLocaleString()],
    ["Version", request.version],
    ["Host", request.host ?? "not said"],
    ["Status", request.status === null ? "none" : String(request.status)],
    ...(request.grpc === null ? [] : [["gRPC status", request.grpc]]),
    ["End", request.ending],
    ["First byte after", request.first_byte_ms === null ? "none came" : span(request.first_byte_ms)],
    ["Took", span(request.duration_ms)],
    ["Body sent", bytes(request.request_body)],
    ["Body received", bytes(request.response_body)],
    ...shown(request_headers).map(([name, value]) => [`→ ${name}`, value]),
    ...shown(response_headers).map(([name, value]) => [`← ${name}`, value]),
  ]);
}

// ---- detail

let detail = null; // what is shown in detail
let before = null; // what had the focus before

function openDetail(title) {
  if (find("detail").hidden) before = document.activeElement;
  put(find("detail-title"), title);
  find("detail").hidden = false;
  find("detail-close").focus();
}

function closeDetail() {
  if (find("detail").hidden) return;
  find("detail").hidden = true;
  detail = null;
  if (query.watched) askAnew({ watched: null });
  table.select(null);
  requestTable.select(null);
  if (before?.isConnected) before.focus();
}

function drawDetail(pairs) {
  draw(find("detail-list"), pairs.flat(), () => make("dt"), put);
  // Names and values take turns.
  [...find("detail-list").children].forEach((child, at) => {
    if ((child.tagName === "DD") === (at % 2 === 1)) return;
    child.replaceWith(make(at % 2 === 1 ? "dd" : "dt", "", child.textContent));
  });
}

function openConnection(row) {
  openDetail(`Connection ${row.id}`);
  disarm();
  askAnew({ watched: { forward: row.forward, id: row.id } });
  requestTable.select(null);
  drawConnection(row);
}

function drawConnection(row) {
  detail = row;
  drawDetail([
    ["Forward", targets[row.forward] ?? ""],
    ["State", words(row.state)],
    ...(isOpen(row) ? [] : [["End", row.reason]]),
    ["Accepted", `${new Date(row.accepted).toLocaleString()}`],
    ["Age", span(row.age_ms)],
    ["App", row.peer],
    ["Listens at", row.local],
    ["Pod", row.pod === null ? "none" : `${row.namespace}/${row.pod}`],
    ["Pod address", row.pod === null ? "" : `${row.pod_ip ?? "not known"}, port ${row.port}`],
    ["Speaks", row.protocol ?? "not known"],
    ["Session", row.session === null ? "" : String(row.session)],
    ["First byte after", row.first_byte_ms === null ? "none yet" : span(row.first_byte_ms)],
    ["Received", `${bytes(row.received)}, ${speed(row.received_per_second)}`],
    ["Sent", `${bytes(row.sent)}, ${speed(row.sent_per_second)}`],
  ]);
  find("end").hidden = !isOpen(row);
}

// Pressed twice, for a connection does not come back.
const endButton = find("end");

function disarm() {
  endButton.dataset.armed = "";
  put(endButton, "End this connection");
}

endButton.addEventListener("click", async () => {
  if (!endButton.dataset.armed) {
    endButton.dataset.armed = "yes";
    put(endButton, "Press again to reset both sides");
    return;
  }
  disarm();
  try {
    const answer = await ask("/api/end", { forward: detail.forward, id: detail.id });
    if (!answer.ok && answer.status !== 404) notice((await answer.text()).trim());
  } catch {
    notice("podline does not answer");
  }
});
endButton.addEventListener("blur", disarm);
find("detail-close").addEventListener("click", closeDetail);

// ---- events

const events = [];

function addEvent(event) {
  query.since = Math.max(query.since, event.number);
  events.unshift(event);
  if (events.length > EVENTS) events.pop();
}

function drawEvents() {
  find("no-events").hidden = events.length > 0;
  draw(find("events"), events, () => {
    const item = make("li");
    item.append(make("time"), make("small"), make("span", "sentence"), make("span", "hint"));
    return item;
  }, (item, event) => {
    const [time, target, sentence, hint] = item.children;
    item.dataset.weight = event.weight;
    time.dateTime = event.at;
    put(time, clock(event.at));
    put(target, targets[event.forward] ?? "");
    put(sentence, event.sentence);
    put(hint, event.hint ?? "");
    hint.hidden = event.hint === null;
  });
}

// ---- capture

const captureButton = find("capture");

function drawCapture(capture) {
  captureButton.hidden = capture === null;
  if (capture === null) return;
  const lost = capture.dropped > 0 ? `, ${capture.dropped} missing` : "";
  put(captureButton, `Download capture${capture.is_running ? " so far" : ""} (${bytes(capture.bytes)}${lost})`);
}

captureButton.addEventListener("click", async () => {
  captureButton.disabled = true;
  try {
    const answer = await download("/api/capture");
    if (!answer.ok) throw new Error("this capture has no file that can be downloaded");
    const link = make("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = "podline.pcapng";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), LAST_RETRY);
  } catch (error) {
    notice(error instanceof TypeError ? "podline does not answer" : error.message);
  }
  captureButton.disabled = false;
});

// ---- the stream

let listening = null; // ends the present stream
let retry = FIRST_RETRY;
let waiting; // until the next attempt

function state(name, text) {
  find("status").dataset.state = name;
  put(find("status"), text);
}

function notice(text) {
  find("notice").hidden = text === "";
  put(find("notice"), text);
}

function askAnew(change) {
  Object.assign(query, change);
  listen();
}

// Listens with the present query, and no longer with the last one.
async function listen() {
  clearTimeout(waiting);
  listening?.abort();
  listening = null;
  if (!hasToken()) {
    state("over", "no token");
    notice("Open the link that podline printed when it started: it has the token that this page needs.");
    return;
  }
  if (document.hidden) {
    state("waiting", "paused");
    return;
  }
  const ours = new AbortController();
  listening = ours;
  try {
    const answer = await ask("/api/live", query, ours.signal);
    if (answer.status === 401) {
      forgetToken();
      state("over", "wrong token");
      notice("This is another run of podline than the one that printed the link. Open the link that it printed.");
      return;
    }
    if (!answer.ok) throw new Error((await answer.text()).trim());
    state("live", "live");
    notice("");
    retry = FIRST_RETRY;
    await read(answer.body, ours.signal);
    throw new Error("podline has ended, or does not answer");
  } catch (error) {
    if (ours.signal.aborted) return;
    state("over", "not connected");
    notice(error instanceof TypeError ? "podline has ended, or does not answer" : error.message);
    waiting = setTimeout(listen, retry);
    retry = Math.min(LAST_RETRY, retry * 2);
  }
}

// Reads lines until there are no more.
async function read(body, signal) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (rest.length > LONGEST_LINE) throw new Error("podline said something that makes no sense");
    let hasEvents = false;
    let hasRequests = false;
    for (const line of lines) {
      const told = JSON.parse(line);
      if (told.kind === "event") {
        addEvent(told);
        hasEvents = true;
      } else if (told.kind === "request") {
        addRequest(told);
        hasRequests = true;
      } else if (told.kind === "missed") {
        missed += told.requests;
      } else if (told.kind === "now") {
        handleNow(told);
      }
    }
    if (hasEvents) drawEvents();
    if (hasRequests) drawRequests();
  }
}

function handleNow(now) {
  const isFirst = targets.length === 0;
  drawForwards(now.forwards);
  drawChart(now.rates);
  drawCapture(now.capture);
  drawConnections(now.connections);
  if (now.watched && query.watched && detail && keyOf(now.watched) === keyOf(detail)) drawConnection(now.watched);
  if (isFirst) drawEvents(); // which names forwards
}

// A page that nobody sees costs nothing.
document.addEventListener("visibilitychange", listen);

// ---- keys

const help = find("help");
find("help-open").addEventListener("click", () => help.showModal());
find("help-close").addEventListener("click", () => help.close());

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || help.open) return;
  const section = event.target.closest("section");
  const here = section?.id === "requests" ? requestTable : table;
  const isTyping = event.target.matches("input, select");
  if (event.key === "Escape") {
    if (isTyping) here.step(0);
    else closeDetail();
    return;
  }
  if (isTyping) {
    if (event.key === "Enter" && event.target.matches("input")) here.step(0);
    return;
  }
  const keys = {
    j: () => here.step(1),
    k: () => here.step(-1),
    n: () => !find("next").disabled && turn(1),
    p: () => !find("previous").disabled && turn(-1),
    r: () => requestTable.step(0),
    c: () => table.step(0),
    "/": () => (here === table ? find("filter") : find("request-filter")).focus(),
    "?": () => help.showModal(),
  };
  if (Object.hasOwn(keys, event.key)) {
    keys[event.key]();
    event.preventDefault();
  }
});

onNewToken(listen);
listen();
