// An AO client as people write them, with arbundles.
//
//   node client.cjs sign ADDRESS DIR     writes DIR/process and DIR/message-0..2, prints their ids as JSON
//   node client.cjs verify FILE          checks every item of a schedule's JSON, prints what it found as JSON
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { generateKeyPairSync } = require("node:crypto");
const { createRequire } = require("node:module");

// Where the test has installed it.
const installed = createRequire(path.join(process.env.SLOTBENCH_NODE_MODULES, "here.cjs"));
const { ArweaveSigner, DataItem, EthereumSigner, createData } = installed("arbundles");

async function write(file, signer, data, options) {
  const item = createData(data, signer, options);
  await item.sign(signer);
  fs.writeFileSync(file, item.getRaw());
  return item.id;
}

async function sign(address, dir) {
  const jwk = generateKeyPairSync("rsa", { modulusLength: 4096 }).privateKey.export({ format: "jwk" });
  const arweave = new ArweaveSigner(jwk);
  const ethereum = new EthereumSigner("11".repeat(32));
  const tags = (...own) => [["Data-Protocol", "ao"], ["Variant", "ao.N.1"], ...own].map(([name, value]) => ({ name, value }));
  const definition = tags(["Type", "Process"], ["Module", "none"], ["Scheduler", address]);
  const process = await write(path.join(dir, "process"), arweave, "", { tags: definition });
  const messages = [];
  for (const number of [0, 1, 2]) {
    const signer = number === 1 ? ethereum : arweave;
    const options = { target: process, tags: tags(["Type", "Message"], ["Action", "Count"]) };
    messages.push(await write(path.join(dir, `message-${number}`), signer, `number ${number}`, options));
  }
  return { process, messages };
}

async function verify(file) {
  const schedule = JSON.parse(fs.readFileSync(file, "utf8"));
  const found = [];
  for (const entry of Object.values(schedule.assignments)) {
    const assignment = new DataItem(Buffer.from(entry.item, "base64url"));
    const message = new DataItem(Buffer.from(entry.body, "base64url"));
    found.push({
      slot: entry.slot,
      assignment: assignment.id,
      message: message.id,
      valid: (await assignment.isValid()) && (await message.isValid()),
      tags: Object.fromEntries(assignment.tags.map(({ name, value }) => [name, value])),
    });
  }
  return found;
}

const [command, ...rest] = process.argv.slice(2);
({ sign, verify })[command](...rest).then((result) => console.log(JSON.stringify(result)), (error) => {
  console.error(error);
  process.exit(1);
});
