// Deciding and undoing: the card goes at once, the next one has the focus, and what the service says comes after.
import * as deck from "./deck.js";
import { facts, post, texts } from "./server.js";
import { tell } from "./toast.js";

const undoable = [];
let last = Promise.resolve();

// One after the other, so that messages and undo keep the order of the keys.
function inTurn(step) {
  last = last.then(step, step);
  return last;
}

function ticked(card) {
  return [...card.querySelectorAll(".decide input[name=item]")]
    .filter((input) => input.type === "hidden" || input.checked)
    .map((input) => input.value);
}

const idOf = (item) => item.split(":")[0].split("/").pop();

function isLeftOut(card) {
  return card.querySelectorAll(".decide input[name=item][type=checkbox]:not(:checked)").length > 0;
}

export function decideCards(cards, act, note = "") {
  const items = cards.flatMap(ticked);
  if (!items.length) return Promise.resolve();
  const returns = new Map();
  for (const card of cards) {
    if (!isLeftOut(card)) for (const item of ticked(card)) returns.set(idOf(item), card);
  }
  const backs = new Map([...new Set(returns.values())].map((card) => [card, deck.take(card)]));
  return inTurn(() => send({ act, note, item: items, override: facts.override ?? "" }, backs));
}

async function send(fields, backs) {
  try {
    done(await post(facts.decide, fields), backs);
  } catch (refused) {
    if (refused.body?.late) return done(refused.body, backs);
    for (const back of backs.values()) deck.select(back());
    tell(refused.message);
  }
}

function done(answer, backs) {
  deck.showWaiting(answer.waiting);
  const versions = new Map(answer.done);
  const entry = { did: answer.undo, backs: [], versions };
  const claimed = new Set(answer.late.filter(([, kind]) => kind === "claimed" || kind === "changed").map(([id]) => id));
  for (const [card, back] of backs) {
    if (claimed.has(card.dataset.id)) back();
    else entry.backs.push(back);
  }
  if (answer.undo) undoable.push(entry);
  tell(answer.message, answer.undo ? () => inTurn(() => undo(entry)) : null);
}

export function undoLast() {
  return inTurn(() => {
    const entry = undoable.at(-1);
    return entry ? undo(entry) : tell(texts["nothing-to-undo"]);
  });
}

async function undo(entry) {
  const place = undoable.indexOf(entry);
  if (place < 0) return;
  undoable.splice(place, 1);
  try {
    const answer = await post(facts.undo, { did: entry.did });
    restore(entry, new Map(answer.done));
    deck.showWaiting(answer.waiting);
    tell(answer.message);
  } catch (refused) {
    if (!refused.body?.late) undoable.push(entry);
    tell(refused.body?.message ?? refused.message);
  }
}

function restore(entry, versions) {
  let first = null;
  for (const back of entry.backs.reverse()) {
    const card = back();
    if (!renew(card, versions)) card.remove();
    else first = card;
  }
  if (first) deck.select(first);
  deck.settle();
}

// A comment that came back has a new version; a card none of whose comments came back goes again.
function renew(card, versions) {
  let came = false;
  for (const input of card.querySelectorAll("input[name=item]")) {
    const parts = input.value.split(",").map((item) => {
      const id = idOf(item);
      came ||= versions.has(id);
      return versions.has(id) ? `${item.split(":")[0]}:${versions.get(id)}` : item;
    });
    input.value = parts.join(",");
  }
  if (versions.has(card.dataset.id)) card.dataset.version = versions.get(card.dataset.id);
  return came;
}
