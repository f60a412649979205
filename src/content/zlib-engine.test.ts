import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { gunzipping } from './gzip.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const chunkSize = 16 * 1024;

it('keeps nothing of what it has decompressed while the source is slower than it', async () => {
  const packed = gzipSync(randomBytes(200 * chunkSize), { level: 0 });
  const given: WeakRef<Uint8Array>[] = [];
  const received = { size: 0 };
  let kept = 0;
  async function* slow(): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < packed.length; at += chunkSize) {
      const chunk = Uint8Array.from(packed.subarray(at, at + chunkSize));
      given.push(new WeakRef(chunk));
      yield chunk;
      // The decoder has worked off what it was given before more comes.
      while (received.size < at - 2 * chunkSize) await turn();
    }
    await turn();
    collectGarbage();
    kept = given.filter((chunk) => chunk.deref() !== undefined).length;
  }
  for await (const chunk of gunzipping()(slow())) received.size += chunk.byteLength;
  expect(received.size).toBe(200 * chunkSize);
  expect(kept).toBeLessThan(40);
});
