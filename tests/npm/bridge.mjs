// Calls what a module exports: a line of JSON in ({"call": "listModels", "given": [{}]}), its value or its error out.
import { createInterface } from "node:readline";

const found = await import(process.argv[2]);
const module = { ...found.default, ...found };

async function value(made) {
  const given = await made;
  if (typeof given?.[Symbol.asyncIterator] !== "function") return given;
  const all = [];
  for await (const one of given) all.push(one);
  return all;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { call, given } = JSON.parse(line);
  let answer;
  try {
    answer = { value: await value(module[call](...given)) };
  } catch (error) {
    answer = { error: { ...error, kind: error.constructor.name, message: error.message } };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
