// Google's own client, as its `google.discoverAPI` uses it, finds every method through the discovery document.
// Usage: node google.mjs URL KEY, where the service answers "idiot" with toxicity. Prints one line of JSON.
import {Discovery} from "googleapis-common";

const [base, key] = process.argv.slice(2);
const makeClient = await new Discovery({}).discoverAPI(`${base}/$discovery/rest?version=v1alpha1`);

const clientWith = auth => makeClient({auth});

async function refused(call) {
  try {
    await call();
  } catch (error) {
    const {code, status, message, details} = error.response.data.error;
    return {http: error.response.status, code, status, message, errorType: details?.[0]?.errorType ?? null};
  }
  throw new Error("It was not refused.");
}

const {comments} = clientWith(key);
const comment = text => ({text, type: "PLAIN_TEXT"});
const analysis = text => ({
  requestBody: {
    comment: comment(text),
    requestedAttributes: {TOXICITY: {}, SPAM: {}},
    languages: ["en"],
    doNotStore: true,
    clientToken: "42",
  },
});

const kind = (await comments.analyze(analysis("Lovely soup."))).data;
const rude = (await comments.analyze(analysis("You idiot"))).data;
const suggested = await comments.suggestscore({
  requestBody: {
    comment: comment("You idiot"),
    attributeScores: {TOXICITY: {summaryScore: {value: 1}}},
    communityId: "node",
    clientToken: "43",
  },
});

console.log(JSON.stringify({
  kind: kind.attributeScores.TOXICITY.summaryScore.value,
  rude: rude.attributeScores.TOXICITY.summaryScore,
  token: rude.clientToken,
  suggested: {status: suggested.status, token: suggested.data.clientToken},
  empty: await refused(() => comments.analyze(analysis(""))),
  wrongKey: await refused(() => clientWith("abcdef012345").comments.analyze(analysis("Lovely soup."))),
}));
