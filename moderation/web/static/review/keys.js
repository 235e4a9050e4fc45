// The keyboard: one key a comment. Keys mean nothing while somebody types.
import { chosen, toggle, toggleAll, toggleRange } from "./bulk.js";
import * as deck from "./deck.js";
import { decideCards, undoLast } from "./decide.js";

const help = document.getElementById("keys");
const search = document.getElementById("search");

function decide(act) {
  const cards = chosen();
  const card = deck.current();
  if (cards.length) return decideCards(cards, act);
  if (card && !card.classList.contains("gone")) decideCards([card], act);
}

function menu() {
  const card = deck.current();
  const details = card?.querySelector(".menu");
  if (!details) return;
  if (details.open) return decide("other");
  details.open = true;
  details.querySelector(".panel button").focus();
}

function open() {
  const card = deck.current();
  const copies = card?.querySelector("details.copies");
  if (copies) copies.open = !copies.open;
  else card?.querySelector("a.open").click();
}

const onCard = (act) => () => deck.current() && act(deck.current());
const KEYS = {
  j: () => deck.move(1),
  k: () => deck.move(-1),
  a: () => decide("approve"),
  s: () => decide("spam"),
  t: () => decide("toxic"),
  r: menu,
  x: onCard(toggle),
  X: onCard(toggleRange),
  "*": toggleAll,
  u: undoLast,
  o: open,
  "/": () => search.focus(),
  "?": () => help.showModal(),
};

function isTyping(target) {
  return target.matches("input:not([type=checkbox]), select, textarea") || document.querySelector("dialog[open]");
}

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return escape(event);
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
    const run = KEYS[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  });
}

function escape(event) {
  const details = event.target.closest?.("details.menu[open]");
  if (details) {
    details.open = false;
    details.querySelector("summary").focus();
  } else if (event.target === search) search.blur();
}
