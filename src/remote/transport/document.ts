import { type ByteStream, collect } from '../../content/bytes.ts';
import { OciError } from '../../errors.ts';
import type { Answer } from './redirect.ts';

/**
 * The body of an answer as a document in memory.
 *
 * @param what names it in messages
 * @throws {OciError} `LIMIT_EXCEEDED`, before anything is read where the answer states its length
 */
export async function readDocument(answer: Answer, limit: number, what: string): Promise<Uint8Array> {
  const stated = Number(answer.headers.get('content-length') ?? 0);
  if (stated > limit) {
    await answer.body.cancel();
    throw new OciError('LIMIT_EXCEEDED', `${what} has ${stated} bytes, the limit is ${limit}`);
  }
  return collect(await plainBody(answer, limit), limit, what);
}

/** Proxies compress documents although they were asked not to; digests are of the document. Demand-and-quirks reference, Q-28. */
async function plainBody({ body, headers }: Answer, limit: number): Promise<ByteStream> {
  if (!/^(?:x-)?gzip$/i.test(headers.get('content-encoding') ?? '')) return body;
  const { decompress } = await import('../../content/compression.ts');
  return (await decompress(body, { limit })).stream;
}
