import { expect, it } from 'vitest';
import { ChunkCursor } from './chunk-cursor.ts';

/** A source that uses the memory of a chunk again as soon as the next one is asked for. */
async function* reused(): AsyncGenerator<Uint8Array, void> {
  const [a, b] = [Buffer.from('abc'), Buffer.from('def')];
  yield a;
  a.fill('x');
  yield b;
  b.fill('x');
}

it('gathers across chunks whose memory is used again', async () => {
  const cursor = new ChunkCursor(reused());
  expect(Buffer.from((await cursor.chunk(1)) ?? '').toString()).toBe('a');
  const gathered = Buffer.from(await cursor.gather(4));
  expect(gathered.toString()).toBe('bcde');
  expect(cursor.take(1)?.toString()).toBe('f');
});
