// The live region at the bottom: what happened, and its undo.
const toast = document.getElementById("toast");
const text = document.getElementById("toast-text");
const button = document.getElementById("toast-undo");
const SECONDS = 12;
let timer = 0;

export function tell(sentence, onUndo = null) {
  clearTimeout(timer);
  toast.hidden = false;
  text.textContent = sentence;
  button.hidden = !onUndo;
  button.onclick = onUndo;
  timer = setTimeout(quiet, SECONDS * 1000);
}

function quiet() {
  if (toast.contains(document.activeElement) || toast.matches(":hover")) {
    timer = setTimeout(quiet, 2000);
    return;
  }
  toast.hidden = true;
  text.textContent = "";
}
