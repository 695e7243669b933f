"use strict";
// Sends a file straight to the store with a form from the server, and shows the progress.
// The server sees only name and size, never the file.

const part = (id) => document.getElementById(id);
const shown = { choose: part("choose"), underWay: part("under-way"), problem: part("problem") };
let args = null; // from the server; nothing happens before they arrive
let file = null; // the file to send
let turn = ""; // id of this attempt, so that a response to an earlier one is ignored
let request = null;

function tell(type, more) {
  window.parent.postMessage({ isStreamlitMessage: true, type, ...more }, "*");
}

function answer(event) {
  tell("streamlit:setComponentValue", { value: { event, turn, name: file?.name ?? "", size: file?.size ?? 0 }, dataType: "json" });
}

function show(section) {
  for (const [name, element] of Object.entries(shown)) element.hidden = name !== section;
  tell("streamlit:setFrameHeight", { height: document.documentElement.offsetHeight });
}

function say(text) {
  part("status").textContent = text;
}

function bytes(count) {
  return count < 1e6 ? `${Math.ceil(count / 1e3)} kB` : `${(count / 1e6).toFixed(count < 1e8 ? 1 : 0)} MB`;
}

function fail(text) {
  stop();
  part("problem-text").textContent = text;
  part("again").hidden = file === null || file.size === 0 || file.size > args.limit;
  say("");
  show("problem");
}

function stop() {
  const running = request;
  request = null;
  if (running) running.abort();
  turn = "";
}

function choose(chosen) {
  stop();
  file = chosen ?? null;
  if (!file || !args) return;
  if (file.size === 0) return fail("The file is empty; choose another one.");
  if (file.size > args.limit) return fail(`The file is larger than ${args.limit_said}; split it, or compress it with gzip.`);
  turn = Array.from(crypto.getRandomValues(new Uint32Array(4)), (number) => number.toString(16)).join("");
  part("name").textContent = file.name;
  progress(0);
  say("Getting ready to send …");
  show("underWay");
  answer("chosen");
}

function progress(sent) {
  const share = file.size ? Math.min(1, sent / file.size) : 0;
  part("bar").value = share;
  part("so-far").textContent = `${Math.floor(share * 100)} %: ${bytes(share * file.size)} of ${bytes(file.size)}`;
}

function send(offer) {
  const form = new FormData();
  for (const [name, value] of Object.entries(offer.fields)) form.append(name, value);
  form.append("file", file);
  const mine = (request = new XMLHttpRequest());
  const still = (act) => () => mine === request && act();
  mine.upload.onprogress = (event) => mine === request && progress((event.loaded / event.total) * file.size);
  mine.onload = still(() => {
    if (mine.status < 200 || mine.status > 299) return fail(refusal(mine));
    request = null;
    progress(file.size);
    part("cancel").hidden = true;
    say("Sent. Reading it …");
    answer("sent");
  });
  mine.onerror = still(() => fail("The file could not be sent: the connection broke, or the store does not take files from this page. Try again."));
  mine.open("POST", offer.url);
  say("Sending …");
  mine.send(form);
}

function refusal(answered) {
  const code = /<Code>(\w+)<\/Code>/.exec(answered.responseText)?.[1] ?? "";
  if (/expired/i.test(answered.responseText)) return "The upload started too late. Try again.";
  if (code.startsWith("EntityToo")) return "The file changed while it was being sent. Try again.";
  return `The store did not take the file${code ? ` (${code})` : ""}. Try again.`;
}

function render(latest, theme) {
  const first = !args;
  args = latest;
  if (theme) {
    const style = document.documentElement.style;
    style.setProperty("--accent", theme.primaryColor);
    style.setProperty("--text", theme.textColor);
    style.setProperty("--ground", theme.secondaryBackgroundColor);
    style.setProperty("--font", theme.font);
  }
  part("limit").textContent = `Up to ${args.limit_said}`;
  // A file that was chosen before the script or its arguments arrived.
  if (first) choose(file ?? part("file").files[0]);
  const offer = args.offer;
  if (!turn || !offer || offer.turn !== turn || request || !part("status").textContent.startsWith("Getting ready")) return;
  if (offer.problem) fail(offer.problem);
  else send(offer);
}

part("file").addEventListener("change", () => choose(part("file").files[0]));
part("again").addEventListener("click", () => choose(file));
part("otherwise").addEventListener("click", () => answer("otherwise"));
part("cancel").addEventListener("click", () => {
  stop();
  file = null;
  part("file").value = "";
  say("Cancelled.");
  show("choose");
  part("file").focus();
});
const drop = part("drop");
for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop" && !request && shown.underWay.hidden) choose(event.dataTransfer.files[0]);
  });
}
window.addEventListener("message", (event) => {
  if (event.source === window.parent && event.data.type === "streamlit:render") render(event.data.args, event.data.theme);
});
new ResizeObserver(() => tell("streamlit:setFrameHeight", { height: document.documentElement.offsetHeight })).observe(document.body);
tell("streamlit:componentReady", { apiVersion: 1 });
show("choose");
