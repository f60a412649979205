import { gzipSync } from 'node:zlib';
import { type ByteStream, streamOf } from '../../src/content/bytes.ts';
import {
  bytesOf,
  failure,
  type Handle,
  headerOf,
  type Layer,
  type SimulatedAnswer,
  type SimulatedRequest,
  withHeaders,
} from './exchange.ts';
import type { BlobBodyQuirks, HostileQuirks } from './quirks.ts';
import type { World } from './world.ts';

/** bodies that break off, stand still, or are not what was asked for. */
export function blobBodies({ quirks }: World): Layer {
  const struck = new Map<string, number>();
  return async (request, below) => {
    const { route, method } = request;
    if (route?.kind !== 'blob') return below(request);
    if (method === 'HEAD') return headBlob(request, below, quirks.head?.blob);
    if (method !== 'GET') return below(request);
    const body = quirks.blobBody ?? {};
    const answer = hostileBlob(await ranged(request, below, body), quirks.hostile?.blob);
    if (answer.status !== 200 && answer.status !== 206) return answer;
    const encoded = body.contentEncoding === 'gzip' ? await gzipped(answer) : answer;
    const { cutAfter, stallAfter, times = Infinity } = body;
    if (cutAfter === undefined && stallAfter === undefined) return encoded;
    const count = struck.get(route.digest) ?? 0;
    if (count >= times) return encoded;
    struck.set(route.digest, count + 1);
    return { ...encoded, cutAfter, stallAfter };
  };
}

async function headBlob(
  request: SimulatedRequest,
  below: Handle,
  mode: 'ok' | 403 | 405 | 'no-length' | undefined,
): Promise<SimulatedAnswer> {
  if (mode === 403) return failure(403, 'DENIED', 'no HEAD here');
  if (mode === 405) return failure(405, 'UNSUPPORTED', 'no HEAD here');
  const answer = await below(request);
  return mode === 'no-length' ? withHeaders(answer, { 'content-length': undefined }) : answer;
}

/** */
async function ranged(
  request: SimulatedRequest,
  below: Handle,
  { range = 'ok', contentEncoding }: BlobBodyQuirks,
): Promise<SimulatedAnswer> {
  const { range: asked, ...others } = request.headers;
  if (asked === undefined) return below(request);
  if (range === 416) return failure(416, 'SIZE_INVALID', 'no ranges here');
  if (range === 'ignore' || contentEncoding !== undefined) {
    return withHeaders(await below({ ...request, headers: others }), { 'accept-ranges': undefined });
  }
  const answer = await below(request);
  if (answer.status !== 206) return answer;
  const stated = headerOf(answer, 'content-range');
  if (range === 'no-content-range') return withHeaders(answer, { 'content-range': undefined });
  if (range === 'bad-content-range') {
    return withHeaders(answer, {
      'content-range': stated?.replace(/ \d+-/, (found) => ` ${Number(found.slice(1, -1)) + 7}-`),
    });
  }
  return range === 'short' ? shortened(answer, stated ?? '') : answer;
}

async function shortened(answer: SimulatedAnswer, stated: string): Promise<SimulatedAnswer> {
  const [, first = '0', size = '0'] = /bytes (\d+)-\d+\/(\d+)/.exec(stated) ?? [];
  const bytes = await bytesOf(answer.body);
  const half = bytes.subarray(0, Math.max(Math.ceil(bytes.length / 2), 1));
  const end = Number(first) + half.length - 1;
  const headers = { 'content-range': `bytes ${first}-${end}/${size}`, 'content-length': String(half.length) };
  return withHeaders({ ...answer, body: half }, headers);
}

async function gzipped(answer: SimulatedAnswer): Promise<SimulatedAnswer> {
  const body = gzipSync(await bytesOf(answer.body));
  return withHeaders({ ...answer, body }, { 'content-encoding': 'gzip', 'content-length': String(body.length) });
}

function hostileBlob(answer: SimulatedAnswer, mode: HostileQuirks['blob']): SimulatedAnswer {
  if (mode === undefined || (answer.status !== 200 && answer.status !== 206)) return answer;
  const length = Number(headerOf(answer, 'content-length') ?? 0);
  if (mode === 'other-bytes') return { ...answer, body: Buffer.alloc(length, 'evil') };
  const open = withHeaders(answer, { 'content-length': undefined });
  if (mode === 'longer') return { ...open, body: streamOf([Buffer.alloc(length + 1, 'x')]) };
  return { ...open, body: endless(Buffer.alloc(64 * 1024, 'x')) };
}

/** The same bytes for ever. */
export function endless(chunk: Uint8Array): ByteStream {
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        yield chunk;
        // Lets the client's abort through.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    cancel: async () => {},
  };
}
