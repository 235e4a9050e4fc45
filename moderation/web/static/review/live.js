// Keeping up with colleagues: short questions every few seconds, none while nobody looks; and our own mark.
import * as deck from "./deck.js";
import { facts, leave, post, texts } from "./server.js";

const EVERY_SECONDS = 5;
const RENEW_SECONDS = 60;
const READ_AFTER_MS = 400;
const news = document.getElementById("news");
let position = facts.position;
let tag = "";
let mine = null;
let settling = 0;

export function watch() {
  setInterval(ask, EVERY_SECONDS * 1000);
  setInterval(() => mine && claim(mine.card), RENEW_SECONDS * 1000);
  document.addEventListener("visibilitychange", () => document.hidden || ask());
  document.addEventListener("current", (event) => {
    clearTimeout(settling);
    settling = setTimeout(() => claim(event.detail), READ_AFTER_MS);
  });
  addEventListener("pagehide", () => mine && leave(facts.claim, { release: `${mine.id}:${mine.fence}` }));
}

async function ask() {
  if (document.hidden) return;
  const ids = deck.all().map((card) => card.dataset.id).slice(0, 60).join(",");
  const headers = tag ? { "If-None-Match": tag, Accept: "application/json" } : { Accept: "application/json" };
  try {
    const response = await fetch(`${facts.live}?${new URLSearchParams({ site: facts.site, ids })}`, { headers });
    if (response.status !== 200) return;
    tag = response.headers.get("ETag") ?? "";
    show(await response.json());
  } catch {
    // The next question may be answered.
  }
}

function show(state) {
  for (const card of deck.all()) {
    const holder = state.holders[card.dataset.id] ?? "";
    mark(card, holder);
    if (state.gone[card.dataset.id]) markGone(card, state.gone[card.dataset.id]);
  }
  if (state.position !== position) {
    position = state.position;
    announceNew(state.waiting);
    deck.showWaiting(state.waiting);
  }
}

function announceNew(waiting) {
  const more = waiting - Number(facts.waiting);
  if (more <= 0) return;
  news.hidden = false;
  const link = document.createElement("a");
  link.href = facts.here;
  link.textContent = texts["new-arrived"];
  news.replaceChildren(link);
}

function mark(card, holder) {
  const line = card.querySelector(".holder");
  card.classList.toggle("held", Boolean(holder));
  line.hidden = !holder;
  line.textContent = holder ? texts.taken.replace("{who}", holder) : "";
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

async function claim(card) {
  if (mine && mine.card !== card) {
    const released = mine;
    mine = null;
    leave(facts.claim, { release: `${released.id}:${released.fence}` });
  }
  if (!card?.isConnected || card.classList.contains("gone")) return;
  try {
    const answer = await post(facts.claim, { item: card.dataset.id });
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
    const [id, version] = input.value.split(":");
    if (id === card.dataset.id) input.value = `${id}:${version}:${number}`;
  }
}
