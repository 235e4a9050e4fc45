// The npm package @cedx/akismet, unmodified, talking to Winnow.
// Usage: node akismet-client.mjs https://winnow.example KEY https://blog.example
import {pathToFileURL} from "node:url";
import {Author, Blog, CheckResult, Client, Comment} from "@cedx/akismet";

/** Return a client whose requests go to Winnow instead of Akismet. */
export function winnowClient(winnowUrl, key, blogUrl) {
  return new Client(key, new Blog({url: blogUrl}), {baseUrl: winnowUrl});
}

/** Return "approve", "hold" or "discard": what a website should do with a comment. */
export async function judge(client, {name, email, content, ipAddress, permalink}) {
  const comment = new Comment({content, permalink, author: new Author({name, email, ipAddress})});
  switch (await client.checkComment(comment)) {
    case CheckResult.ham: return "approve";
    case CheckResult.pervasiveSpam: return "discard"; // Only where the site's policy sets akismet_discard.
    default: return "hold"; // Spam, or something that a person should see first.
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const client = winnowClient(...process.argv.slice(2, 5));
  if (!await client.verifyKey()) throw new Error("Winnow does not know this key.");
  for (const name of ["Jane", "akismet-guaranteed-spam"]) {
    const content = "Thank you for the recipe, the soup was lovely.";
    console.log(name, await judge(client, {name, content, ipAddress: "203.0.113.7"}));
  }
}
