// Selecting cards and deciding on them together.
import * as deck from "./deck.js";
import { decideCards } from "./decide.js";

const form = document.getElementById("bulk");
const number = document.getElementById("selected-count");
let anchor = null;

const box = (card) => card.querySelector(".pick input");
const selected = () => deck.all().filter((card) => box(card).checked);

export function toggle(card) {
  box(card).checked = !box(card).checked;
  anchor = card;
  recount();
}

export function toggleRange(card) {
  const cards = deck.all();
  const from = Math.max(0, cards.indexOf(anchor ?? card));
  const to = cards.indexOf(card);
  for (const one of cards.slice(Math.min(from, to), Math.max(from, to) + 1)) box(one).checked = true;
  recount();
}

export function choose(isChosen) {
  for (const card of deck.all()) if (!card.classList.contains("gone")) box(card).checked = isChosen;
  recount();
}

export const toggleAll = () => choose(selected().length < deck.all().length);

export function recount() {
  number.textContent = selected().reduce((sum, card) => sum + box(card).value.split(",").length, 0);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  decideCards(selected(), event.submitter.value).then(recount);
});
for (const [id, isChosen] of [["select-all", true], ["select-none", false]]) {
  const button = document.getElementById(id);
  button.hidden = false;
  button.addEventListener("click", () => choose(isChosen));
}
document.getElementById("cards").addEventListener("change", (event) => {
  if (event.target.closest(".pick")) anchor = deck.cardOf(event.target);
  recount();
});
export const chosen = selected;
