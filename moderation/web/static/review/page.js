// What every page does: times in the reader's own zone, and the site menu without its button.
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function localiseTimes(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = exact.format(new Date(time.dateTime));
  }
}

function submitOnChange(form) {
  const button = form.querySelector("button");
  form.addEventListener("change", (event) => {
    if (event.target instanceof HTMLSelectElement) form.requestSubmit();
  });
  if (button && !form.querySelector("input[type=search]")) button.hidden = true;
}

for (const form of document.querySelectorAll(".sites, .filters")) submitOnChange(form);
localiseTimes();
