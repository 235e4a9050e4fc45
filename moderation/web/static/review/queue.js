// The queue page: forms become requests in place, keys work, colleagues are seen. Without this file the forms still work.
import "./page.js";
import * as deck from "./deck.js";
import { recount } from "./bulk.js";
import { decideCards } from "./decide.js";
import { listen } from "./keys.js";
import { watch } from "./live.js";

const section = document.getElementById("cards");

section.addEventListener("submit", (event) => {
  if (!event.target.matches(".decide")) return;
  event.preventDefault();
  const card = deck.cardOf(event.target);
  deck.select(card, { focus: false });
  decideCards([card], event.submitter.value, event.target.elements.note.value);
});

section.addEventListener("focusin", (event) => {
  const card = deck.cardOf(event.target);
  if (card) deck.select(card, { focus: false });
});

section.addEventListener("pointerdown", (event) => {
  const card = deck.cardOf(event.target);
  if (card) deck.select(card, { focus: false });
});

// A copy that is ticked or unticked changes what the buttons decide.
section.addEventListener("change", (event) => {
  const form = event.target.closest(".decide");
  if (!form || event.target.name !== "item") return;
  const items = [...form.querySelectorAll("input[name=item]:checked")].map((input) => input.value);
  for (const number of form.querySelectorAll(".n")) number.textContent = items.length;
  deck.cardOf(form).querySelector(".pick input").value = items.join(",");
  recount();
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

const keysButton = document.getElementById("keys-button");
keysButton.hidden = false;
keysButton.addEventListener("click", () => document.getElementById("keys").showModal());
listen();
watch();
recount();
if (deck.all().length) deck.select(deck.all()[0], { scroll: false });
