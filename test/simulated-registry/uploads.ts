import { setTimeout as wait } from 'node:timers/promises';
import { streamOf } from '../../src/content/bytes.ts';
import {
  bytesOf,
  empty,
  failure,
  type Handle,
  type Layer,
  lengthOf,
  type SimulatedAnswer,
  type SimulatedRequest,
  succeeded,
  withHeaders,
} from './exchange.ts';
import type { UploadQuirks } from './quirks.ts';
import { rangeHeader } from './upload-range.ts';
import type { World } from './world.ts';

/** What is remembered of an upload besides its bytes. */
interface Session {
  dead: boolean;
  /** A chunk below the minimum came: nothing may follow it. */
  short: boolean;
  lostPatch: boolean;
  /** The first `Range` that was stated, for a registry that never states another. */
  firstRange: string | undefined;
}

/** the state of uploads as registries really keep it. */
export function uploads(world: World): Layer {
  const sessions = new Map<string, Session>();
  const lostPuts = new Set<string>();
  let active = 0;
  return async (request, below) => {
    const { route } = request;
    if (route?.kind !== 'uploads' && route?.kind !== 'upload') return below(request);
    const quirks = world.quirks.upload ?? {};
    const early = refusedTransfer(request, quirks) ?? (await refusedRepository(world, request, quirks));
    if (early !== undefined) return early;
    active++;
    try {
      if (quirks.maxParallel !== undefined && active > quirks.maxParallel && lengthOf(request) !== 0) return reset;
      if (route.kind === 'uploads') return await start(world, request, below);
      const session = sessionOf(sessions, route.session);
      return await new Step(world, request, below, session, lostPuts).run();
    } finally {
      active--;
    }
  };
}

const reset: SimulatedAnswer = { status: 0, headers: {}, instead: 'reset' };

function sessionOf(sessions: Map<string, Session>, id: string): Session {
  const known = sessions.get(id) ?? { dead: false, short: false, lostPatch: false, firstRange: undefined };
  sessions.set(id, known);
  return known;
}

/** */
function refusedTransfer({ headers }: SimulatedRequest, { te }: UploadQuirks): SimulatedAnswer | undefined {
  if (te === undefined || headers['transfer-encoding'] === undefined) return undefined;
  if (te === 'stall') return { status: 0, headers: {}, instead: 'stall' };
  return failure(400, 'CONTENT_LENGTH_INVALID', 'the Content-Length header is required', { connection: 'close' });
}

/** */
async function refusedRepository(
  { storage, repositories }: World,
  { route, method }: SimulatedRequest,
  { needRepo }: UploadQuirks,
): Promise<SimulatedAnswer | undefined> {
  if (needRepo === undefined || route === undefined || !('repository' in route)) return undefined;
  const { repository } = route;
  if (repositories.has(repository) || (await storage.find(repository)) !== undefined) return undefined;
  if (needRepo === 'reset') return method === 'POST' ? undefined : reset;
  return failure(404, 'NAME_UNKNOWN', `The repository with name '${repository}' does not exist in the registry`);
}

async function start(world: World, request: SimulatedRequest, below: Handle): Promise<SimulatedAnswer> {
  const quirks = world.quirks.upload ?? {};
  const answer = await below(request);
  if (answer.status !== 202) return answer;
  const mode = world.quirks.hostile?.upload;
  const wrong = mode === 'no-location' ? undefined : 'ht!tp://[::bad';
  return withHeaders(
    { ...answer, status: quirks.post ?? 202 },
    {
      range: rangeHeader(quirks.range, 'POST', 0),
      'oci-chunk-min-length': mode === 'chunk-min' ? '9223372036854775808' : quirks.chunkMinHeader,
      'oci-chunk-max-length': quirks.chunkMaxHeader,
      ...(mode === 'no-location' || mode === 'junk-location' ? { location: wrong } : {}),
    },
  );
}

/** One request to a session. */
class Step {
  readonly #world: World;
  readonly #quirks: UploadQuirks;
  readonly #request: SimulatedRequest;
  readonly #below: Handle;
  readonly #session: Session;
  readonly #lostPuts: Set<string>;

  constructor(world: World, request: SimulatedRequest, below: Handle, session: Session, lostPuts: Set<string>) {
    this.#world = world;
    this.#quirks = world.quirks.upload ?? {};
    this.#request = request;
    this.#below = below;
    this.#session = session;
    this.#lostPuts = lostPuts;
  }

  async run(): Promise<SimulatedAnswer> {
    if (this.#session.dead) return failure(404, 'BLOB_UPLOAD_UNKNOWN', 'the upload is gone');
    switch (this.#request.method) {
      case 'PATCH':
        return this.#guarded(() => this.#patch());
      case 'PUT':
        return this.#guarded(() => this.#put());
      case 'DELETE':
        return this.#cancel();
      default:
        return this.#status();
    }
  }

  /** */
  async #guarded(step: () => Promise<SimulatedAnswer>): Promise<SimulatedAnswer> {
    const answer = await step();
    if (this.#quirks.dieOnError === true && !succeeded(answer) && answer.instead === undefined)
      this.#session.dead = true;
    return answer;
  }

  async #patch(): Promise<SimulatedAnswer> {
    const { noPatch, maxPatch = Infinity, maxPatchStatus = 416, patch = 202, lostAck } = this.#quirks;
    const length = lengthOf(this.#request) ?? 0;
    if (noPatch !== undefined) return failure(noPatch, 'UNSUPPORTED', 'chunks are not for this registry');
    if (length > maxPatch) return tooLarge(maxPatchStatus, maxPatch);
    const refused = this.#refusedRange() ?? this.#refusedChunk(length);
    if (refused !== undefined) return refused;
    const request = await this.#kept();
    if (request === undefined) return reset;
    const answer = await this.#below(request);
    if (lostAck === 'patch' && !this.#session.lostPatch) {
      this.#session.lostPatch = true;
      return reset;
    }
    return this.#withRange(answer.status === 202 ? { ...answer, status: patch } : answer, 'PATCH');
  }

  async #put(): Promise<SimulatedAnswer> {
    const { maxPut = Infinity, put = 201, lostAck, commitDelay } = this.#quirks;
    const length = lengthOf(this.#request) ?? 0;
    if (length > maxPut) return failure(413, 'SIZE_INVALID', 'request entity too large');
    const refused = this.#refusedRange() ?? this.#refusedChunk(length, true);
    if (refused !== undefined) return refused;
    const request = await this.#kept();
    if (request === undefined) return reset;
    const answer = await this.#below(request);
    if (commitDelay !== undefined) await wait(commitDelay);
    const digest = this.#request.query.get('digest') ?? '';
    if (answer.status === 201) this.#note(digest);
    if (lostAck === true && answer.status === 201 && !this.#lostPuts.has(digest)) {
      this.#lostPuts.add(digest);
      return reset;
    }
    if (this.#world.quirks.hostile?.upload === 'wrong-digest' && answer.status === 201) {
      return withHeaders(answer, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` });
    }
    return answer.status === 201 ? { ...answer, status: put } : this.#withRange(answer, 'PUT');
  }

  async #status(): Promise<SimulatedAnswer> {
    const { status = 'ok' } = this.#quirks;
    if (status !== 'ok') return failure(status, 'UNSUPPORTED', 'an upload cannot be asked for its state');
    return this.#withRange(await this.#below(this.#request), 'GET');
  }

  async #cancel(): Promise<SimulatedAnswer> {
    const { cancel = 204 } = this.#quirks;
    return cancel === 204 ? this.#below(this.#request) : failure(cancel, 'DENIED', 'uploads cannot be cancelled');
  }

  /** */
  #refusedRange(): SimulatedAnswer | undefined {
    const range = this.#request.headers['content-range'];
    if (this.#quirks.contentRange !== 'strict' || range === undefined || /^\d+-\d+$/.test(range)) return undefined;
    return failure(400, 'BLOB_UPLOAD_INVALID', `the Content-Range ${range} is malformed`);
  }

  /** an object store's multipart upload notices a small part only when another one follows. */
  #refusedChunk(length: number, isLast = false): SimulatedAnswer | undefined {
    const { minChunk = 0 } = this.#quirks;
    if (length > 0 && this.#session.short) {
      return failure(400, 'BLOB_UPLOAD_INVALID', 'a part is smaller than the minimum allowed size');
    }
    if (!isLast && length < minChunk) this.#session.short = true;
    return undefined;
  }

  /** The request with what is kept of its body; `undefined` when it broke off and nothing is. */
  async #kept(): Promise<SimulatedRequest | undefined> {
    const { dropBroken, range, partialAbove = 1 } = this.#quirks;
    const isPartial = range === 'partial' && this.#request.method === 'PATCH';
    if (dropBroken !== true && !isPartial) return this.#request;
    let bytes: Buffer;
    try {
      bytes = await bytesOf(this.#request.body);
    } catch {
      return undefined;
    }
    if (!isPartial || bytes.length <= partialAbove) return { ...this.#request, body: streamOf(bytes) };
    const half = bytes.subarray(0, Math.floor(bytes.length / 2));
    const { 'content-range': stated, ...others } = this.#request.headers;
    const first = Number(/\d+/.exec(stated ?? '0')?.[0]);
    const headers = {
      ...others,
      ...(stated === undefined ? {} : { 'content-range': `${first}-${first + half.length - 1}` }),
      'content-length': String(half.length),
    };
    return { ...this.#request, headers, body: streamOf(half) };
  }

  async #withRange(answer: SimulatedAnswer, method: 'PATCH' | 'PUT' | 'GET'): Promise<SimulatedAnswer> {
    if (answer.headers['range'] === undefined) return answer;
    const stated = rangeHeader(this.#quirks.range, answer.status === 416 ? 416 : method, await this.#size());
    if (this.#quirks.range !== 'stuck') return withHeaders(answer, { range: stated });
    if (method === 'PATCH') this.#session.firstRange ??= stated;
    return withHeaders(answer, { range: this.#session.firstRange ?? stated });
  }

  async #size(): Promise<number> {
    const { route } = this.#request;
    if (route?.kind !== 'upload') return 0;
    const { uploads: found } = await this.#world.storage.create(route.repository);
    return (await (await found.find(route.session))?.size()) ?? 0;
  }

  /** what was just written may not be seen at once. */
  #note(digest: string): void {
    const { readAfterWriteLag } = this.#world.quirks.manifests ?? {};
    const { route } = this.#request;
    if (readAfterWriteLag === undefined || route === undefined || !('repository' in route)) return;
    this.#world.notes.lag.set(`${route.repository}/${digest}`, readAfterWriteLag);
  }
}

/** GHCR's words, or a proxy's page. */
function tooLarge(status: 413 | 416, limit: number): SimulatedAnswer {
  if (status === 413) return empty(413, { 'content-type': 'text/html' });
  const size = `${(limit / 1024 / 1024).toFixed(2)}MiB`;
  return failure(416, 'SIZE_INVALID', `request body is too large and exceeds the maximum permissible limit of ${size}`);
}
