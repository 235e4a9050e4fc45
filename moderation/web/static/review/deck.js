// The cards on the page: which one is current, taking cards away and putting them back, fetching more.
import { localiseTimes } from "./page.js";
import { facts } from "./server.js";

const section = document.getElementById("cards");
const empty = document.getElementById("empty");
const headings = [document.getElementById("count"), document.getElementById("nav-count")];
const FEW = 8;
const decided = new Set();
let after = facts.after;
let isFetching = false;

export const all = () => [...section.querySelectorAll("article.card")];
export const current = () => section.querySelector("article.current");
export const cardOf = (element) => element?.closest?.("article.card") ?? null;

export function select(card, { focus = true, scroll = true } = {}) {
  const before = current();
  if (before !== card) {
    before?.classList.remove("current");
    card?.classList.add("current");
    document.dispatchEvent(new CustomEvent("current", { detail: card }));
  }
  if (card && focus) {
    card.focus({ preventScroll: true });
    if (scroll) card.scrollIntoView({ block: "nearest" });
  }
}

export function neighbour(card, step) {
  const cards = all();
  let place = cards.indexOf(card) + step;
  while (cards[place]?.classList.contains("held")) place += step;
  return cards[place] ?? null;
}

export function move(step) {
  const here = current();
  const there = here ? neighbour(here, step) : (all().find((card) => !card.classList.contains("held")) ?? all()[0]);
  if (there) select(there);
  if (step > 0) fill();
}

// Take a card off the page and return what puts it back where it was.
export function take(card) {
  const next = neighbour(card, 1) ?? neighbour(card, -1);
  const follower = card.nextElementSibling;
  const wasCurrent = card.classList.contains("current");
  decided.add(card.dataset.id);
  card.remove();
  if (wasCurrent) {
    card.classList.remove("current");
    select(next);
  }
  settle();
  fill();
  return () => {
    decided.delete(card.dataset.id);
    card.classList.remove("busy");
    const place = follower?.isConnected ? follower : (all().find((one) => one.dataset.place > card.dataset.place) ?? null);
    section.insertBefore(card, place);
    for (const box of card.querySelectorAll(".pick input")) box.checked = false;
    settle();
    return card;
  };
}

export function settle() {
  empty.hidden = all().length > 0 || Boolean(after);
}

export function showWaiting(waiting) {
  facts.waiting = waiting;
  const number = waiting.toLocaleString("en");
  headings[1].textContent = number;
  if (!headings[0]) return;
  headings[0].textContent = headings[0].textContent.replace(/[\d,]+/, number);
  document.title = document.title.replace(/[\d,]+/, number);
}

export async function fill() {
  while (!isFetching && after && all().length < FEW) {
    isFetching = true;
    const page = await nextPage();
    isFetching = false;
    if (!page) return; // The link to the next page is still there.
    append(page);
  }
}

async function nextPage() {
  const url = new URL(facts.here, location.href);
  url.searchParams.delete("did");
  url.searchParams.set("after", after);
  try {
    const response = await fetch(url);
    return response.ok ? new DOMParser().parseFromString(await response.text(), "text/html") : null;
  } catch {
    return null;
  }
}

function append(page) {
  after = page.getElementById("cards")?.dataset.after ?? "";
  const known = new Set(all().map((card) => card.dataset.id));
  for (const card of page.querySelectorAll("article.card")) {
    if (known.has(card.dataset.id) || decided.has(card.dataset.id)) continue;
    section.append(document.adoptNode(card));
    localiseTimes(card);
  }
  const more = document.getElementById("more");
  if (more && after) more.href = page.getElementById("more").href;
  else more?.parentElement.remove();
  if (!current() && all().length) select(all()[0]);
  settle();
}
