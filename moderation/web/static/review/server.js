// Talking to the service: the same forms that work without scripts, with the answer as facts instead of a page.
const section = document.getElementById("cards");
export const texts = JSON.parse(section.dataset.texts);
export const facts = section.dataset;

export class Refused extends Error {
  constructor(status, body) {
    super(body?.detail ?? texts.offline);
    this.status = status;
    this.body = body;
  }
}

export async function post(url, fields) {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries({ csrf: facts.csrf, site: facts.site, ...fields })) {
    for (const one of [value].flat()) form.append(name, one);
  }
  let response;
  try {
    response = await fetch(url, { method: "POST", body: form, headers: { Accept: "application/json" } });
  } catch {
    throw new Refused(0, null);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, response.status === 401 ? { detail: texts["signed-out"] } : body);
  return body;
}

export function leave(url, fields) {
  const form = new URLSearchParams({ csrf: facts.csrf, site: facts.site, ...fields });
  fetch(url, { method: "POST", body: form, headers: { Accept: "application/json" }, keepalive: true }).catch(() => {});
}
