// Keeping up with colleagues: a stream of events, or questions every few seconds; neither while nobody looks. And our mark.
import * as deck from "./deck.js";
import { facts, leave, post, texts } from "./server.js";

const EVERY_SECONDS = 5;
const RENEW_SECONDS = 60;
const READ_AFTER_MS = 400;
const AWAY_AFTER_MS = 10 * 60 * 1000;
const news = document.getElementById("news");
let position = facts.position;
let tag = "";
let mine = null;
let settling = 0;
let source = null;
let again = 0;
let silent = 0;
let lastSign = Date.now();

export function watch() {
  if (!facts.events) return; // What the machine decided does not wait, so nobody else is on it.
  listen();
  for (const sign of ["keydown", "pointerdown", "pointermove", "wheel"]) {
    addEventListener(sign, () => (lastSign = Date.now()), { passive: true });
  }
  setInterval(renew, RENEW_SECONDS * 1000);
  document.addEventListener("visibilitychange", () => (silent < 2 ? look() : document.hidden || ask()));
  document.addEventListener("current", (event) => {
    clearTimeout(settling);
    settling = setTimeout(() => claim(event.detail), READ_AFTER_MS);
  });
  addEventListener("pagehide", leaveMine);
}

function look() {
  if (!document.hidden) return listen();
  clearTimeout(again);
  source?.close();
  source = null;
}

// Somebody who went home leaves the page open, but does not hold up colleagues.
function renew() {
  if (mine && Date.now() - lastSign < AWAY_AFTER_MS) claim(mine.card);
}

function leaveMine() {
  if (!mine) return;
  leave(facts.claim, { site: mine.card.dataset.site, release: `${mine.id}:${mine.fence}` });
  mine = null;
}

const screen = () =>
  deck
    .all()
    .map((card) => `${card.dataset.site}/${card.dataset.id}`)
    .slice(0, 60)
    .join(",");

// A stream of events says what happened within a second; the service ends it soon and says when to come again.
function listen() {
  clearTimeout(again);
  if (document.hidden || source) return;
  let hasSpoken = false;
  let seconds = EVERY_SECONDS;
  const own = new EventSource(`${facts.events}?${new URLSearchParams({ site: facts.site, ids: screen(), since: tag })}`);
  source = own;
  own.addEventListener("again", (event) => {
    hasSpoken = true;
    seconds = Number(event.data);
  });
  own.addEventListener("state", (event) => {
    tag = event.lastEventId;
    show(JSON.parse(event.data));
  });
  own.addEventListener("error", () => {
    own.close();
    if (source !== own) return;
    source = null;
    silent = hasSpoken ? 0 : silent + 1;
    // A little more or less, so that many tabs do not come in step.
    if (silent < 2) again = setTimeout(listen, seconds * (800 + 400 * Math.random()));
    else poll();
  });
}

// Where no stream comes through, the same answers come by asking.
function poll() {
  clearTimeout(again);
  again = setTimeout(poll, EVERY_SECONDS * 1000);
  ask();
}

async function ask() {
  if (document.hidden) return;
  const headers = tag ? { "If-None-Match": `W/"${tag}"`, Accept: "application/json" } : { Accept: "application/json" };
  try {
    const query = new URLSearchParams({ site: facts.site, ids: screen() });
    const response = await fetch(`${facts.live}?${query}`, { headers });
    if (response.status === 401) return end();
    if (response.status !== 200) return;
    tag = (response.headers.get("ETag") ?? "").replace(/^W\/|"/g, "");
    show(await response.json());
  } catch {
    // The next question may be answered.
  }
}

function end() {
  clearTimeout(again);
  announce(texts["signed-out"]);
}

function show(state) {
  for (const card of deck.all()) {
    const id = card.dataset.id;
    if (state.gone[id]) {
      markGone(card, state.gone[id]);
      continue;
    }
    revive(card);
    mark(card, state.holders[id] ?? "");
    markStale(card, state.versions[id]);
  }
  if (state.position !== position) {
    position = state.position;
    announceNew(state.waiting);
    deck.showWaiting(state.waiting);
  }
}

function announceNew(waiting) {
  const more = waiting - Number(facts.waiting);
  if (more > 0) announce(texts["new-arrived"]);
}

function announce(sentence) {
  news.hidden = false;
  const link = document.createElement("a");
  link.href = facts.here;
  link.textContent = sentence;
  news.replaceChildren(link);
}

function mark(card, holder) {
  const line = card.querySelector(".holder");
  card.classList.toggle("held", Boolean(holder));
  line.hidden = !holder;
  line.textContent = holder ? texts.taken.replace("{who}", holder) : "";
}

// What was edited is not decided unseen: the service refuses it, and the card says so before somebody tries.
function markStale(card, version) {
  const line = card.querySelector(".stale");
  line.hidden = !(version > Number(card.dataset.version));
  line.textContent = line.hidden ? "" : texts.changed;
}

// Nothing moves unless the moderator moves it: a card that a colleague decided says so and stays until it is left.
function markGone(card, sentence) {
  if (card.classList.contains("gone")) return;
  card.classList.add("gone", "held");
  const line = card.querySelector(".holder");
  line.hidden = false;
  line.textContent = sentence;
  for (const button of card.querySelectorAll("button, .pick input")) button.disabled = true;
}

// A decision elsewhere was taken back.
function revive(card) {
  if (!card.classList.contains("gone")) return;
  card.classList.remove("gone");
  for (const button of card.querySelectorAll("button:not([hidden]), .pick input")) button.disabled = false;
}

async function claim(card) {
  if (mine?.card !== card) leaveMine();
  if (!card?.isConnected || card.classList.contains("gone")) return;
  try {
    const answer = await post(facts.claim, { site: card.dataset.site, item: card.dataset.id });
    if (answer.fence && card.isConnected) {
      mine = { card, id: card.dataset.id, fence: answer.fence };
      fence(card, answer.fence);
    } else if (answer.holder) mark(card, answer.holder);
  } catch {
    // Without a mark of ours a decision is still checked by version.
  }
}

function fence(card, number) {
  for (const input of card.querySelectorAll(".decide input[name=item]")) {
    const [item, version] = input.value.split(":");
    if (item.endsWith(`/${card.dataset.id}`)) input.value = `${item}:${version}:${number}`;
  }
}
