// Each real client checks a ham and a spam comment, reports both, and says in one line of JSON what it was told.
// Usage: node clients.mjs URL KEY, where the service answers "casino" with spam.
import {createRequire} from "node:module";
import {Author, Blog, CheckResult, Client, Comment} from "@cedx/akismet";
import {AkismetClient} from "akismet-api";

const [base, key] = process.argv.slice(2);
const blog = "https://blog.example";
const texts = {ham: "Lovely soup, thanks.", spam: "Best casino in town"};
const told = {};

{
  const client = new Client(key, new Blog({url: blog}), {baseUrl: base});
  const comment = content => new Comment({content, author: new Author({ipAddress: "203.0.113.7", name: "Jane"})});
  told.cedx = {valid: await client.verifyKey()};
  for (const [name, text] of Object.entries(texts)) told.cedx[name] = await client.checkComment(comment(text)) !== CheckResult.ham;
  await client.submitSpam(comment(texts.ham));
  await client.submitHam(comment(texts.spam));
  told.cedx.wrongKey = await new Client("abcdef012345", new Blog({url: blog}), {baseUrl: base}).verifyKey();
}

{
  const {host} = new URL(base);
  const client = new AkismetClient({key, blog, protocol: "http", host});
  client.endpoint = `${base}/${key}/1.1/`; // Where KEY.host cannot be resolved, the key goes into the path.
  const comment = content => ({ip: "203.0.113.7", useragent: "node", content, name: "Jane"});
  told.akismetApi = {};
  for (const [name, text] of Object.entries(texts)) told.akismetApi[name] = await client.checkSpam(comment(text));
  await client.submitSpam(comment(texts.ham));
  await client.submitHam(comment(texts.spam));
}

{
  const {hostname, port} = new URL(base);
  const akismet = createRequire(import.meta.url)("akismet");
  const client = akismet.client({blog, apiKey: key, host: hostname, endPoint: hostname, port: Number(port)});
  const check = content => new Promise((resolve, reject) => {
    const fields = {user_ip: "203.0.113.7", comment_author: "Jane", comment_content: content, api_key: key};
    client.checkComment(fields, (error, isSpam) => error ? reject(error) : resolve(isSpam));
  });
  told.akismet = {};
  for (const [name, text] of Object.entries(texts)) told.akismet[name] = await check(text);
}

console.log(JSON.stringify(told));
