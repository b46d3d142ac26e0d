// sharp's usual way: a pipeline of its own for each output, one after the other, on one thread.
//
// Reads requests and writes answers as lines of JSON; `peer.py` says what is in them.

import readline from 'node:readline';
import sharp from 'sharp';

sharp.concurrency(1);

function options({ format, quality, effort, fullChroma }) {
  const chromaSubsampling = fullChroma ? '4:4:4' : '4:2:0';
  switch (format) {
    case 'jpeg':
      return { quality };
    case 'webp':
      return { quality, effort };
    default:
      return { quality, effort, chromaSubsampling };
  }
}

async function make(source, output) {
  await sharp(source)
    .resize(output.width, output.height, { fit: 'fill' })
    .toFormat(output.format, options(output))
    .toFile(output.path);
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { source, outputs } = JSON.parse(line);
  const before = process.cpuUsage();
  for (const output of outputs) await make(source, output);
  const spent = process.cpuUsage(before);
  const answer = { cpu_ms: (spent.user + spent.system) / 1000, version: sharp.versions.sharp };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
